"""Scores of one model as the hub's metadata (`model-index`), named as mteb names them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tcmbench import tasks
from tcmbench.boards.payload import KNOWN_METRICS
from tcmbench.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from huggingface_hub import EvalResult

    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.records.score import Score
    from tcmbench.specs.suite import SuiteTask

RESULT = "task_result.json"
"""mteb's own result, in the folder of a score."""

_DIGITS = 6
_EQUAL = 1e-5
_SOURCE = "https://github.com/embeddings-benchmark/mteb/"


def eval_results(planned: PlannedSuite, scores: Mapping[str, Score]) -> list[EvalResult]:
    """Return the metrics of every column, the main one first, on mteb's scale (0–1).

    The fields are those of mteb's `TaskResult.get_hf_eval_results`. Columns that were measured on a sample are left
    out: their scores are not the task's.

    Args:
        planned: The suite.
        scores: Column → score of one model.

    Raises:
        EvaluationError: A score isn't the one that mteb's own result has.
    """
    whole = [column for column in planned.suite.tasks if planned.suite.limit_of(column) is None]
    return [
        result
        for column in whole
        if column.column in scores
        for result in _of_column(planned, column, scores[column.column])
    ]


def _of_column(planned: PlannedSuite, column: SuiteTask, score: Score) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    metadata = tasks.mteb_class(planned.tasks[column.task]).metadata
    reported = _reported(score)
    main = score.record.metric
    if not math.isclose(float(reported.get(main, math.nan)), score.record.value, abs_tol=_EQUAL):
        raise EvaluationError(
            f"{score.folder / RESULT}: expected {main} = {score.record.value:.6f} as in score.json, got "
            f"{reported.get(main)}. Remove the folder and run again."
        )
    names = [main, *(name for name in KNOWN_METRICS if name in score.record.metrics and name != main)]
    return [
        EvalResult(
            task_type=metadata._hf_task_type()[0],
            task_name=str(metadata.type),
            dataset_type=metadata.dataset["path"],
            dataset_name=f"{metadata.name} ({column.subset})",
            dataset_config=column.subset,
            dataset_split=column.split,
            dataset_revision=metadata.dataset["revision"],
            metric_type=name,
            metric_name=name,
            metric_value=round(float(reported.get(name, score.record.metrics[name])), _DIGITS),
            source_name="MTEB",
            source_url=_SOURCE,
        )
        for name in names
    ]


def _reported(score: Score) -> Mapping[str, float]:
    """Return mteb's own metrics of a score, as its parser reads them."""
    from mteb.results import TaskResult

    path, record = score.folder / RESULT, score.record
    try:
        result = TaskResult.from_disk(path, load_historic_data=False)
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"{path}: expected a result of mteb, but: {error}. Remove the folder and run again."
        ) from error
    rows = [row for row in result.scores.get(record.split, []) if row["hf_subset"] == record.subset]
    if len(rows) != 1:
        raise EvaluationError(f"{path}: expected one result of {record.split}, {record.subset}, got {len(rows)}.")
    found: Mapping[str, float] = rows[0]
    return found
