"""One model on one task: taken from the store, or measured through mteb, checked and stored whole."""

from __future__ import annotations

import logging
import math
import time
import warnings
from typing import TYPE_CHECKING, Any

from tcmbench import tasks
from tcmbench.errors import DamagedArtefact, EvaluationError, TcmbenchError
from tcmbench.evaluation import hub_data
from tcmbench.evaluation import item_tables as items
from tcmbench.records import failures
from tcmbench.records.provenance import provenance
from tcmbench.records.score import ITEMS, Score, ScoreRecord
from tcmbench.store import Store, key, write_json, write_text
from tcmbench.tasks import sampling

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mteb.models.models_protocols import MTEBModels
    from mteb.results import TaskResult

    from tcmbench.records.model import Model
    from tcmbench.records.task import Task
    from tcmbench.workspace import Workspace

logger = logging.getLogger(__name__)

KIND = "scores"
_REVISION = "score 1"
_SCORE = "score.json"
_EQUAL = 1e-9
"""Difference of two sums of the same items in another order."""


def score_key(model_revision: str, task: Task, *, split: str, subset: str) -> str:
    """Return the key of a score: which model, which task, which split; nothing else can change it."""
    return _key(model_revision, task.name, task.measured_revision, split, subset)


def _key(model_revision: str, task: str, task_revision: str, split: str, subset: str) -> str:
    return key(
        _REVISION,
        {"model": model_revision, "task": task, "revision": task_revision, "split": split, "subset": subset},
    )


def stored(store: Store, model: Model, task: Task, *, split: str, subset: str) -> Score | None:
    """Return the score of the store, None when it was never measured.

    Raises:
        DamagedArtefact: Score or items are not as they were written.
    """
    score = _under(store, score_key(model.revision, task, split=split, subset=subset))
    # Two names may stand for equal weights (a copy); the board shows the name that was asked for.
    return None if score is None else Score(score.record.model_copy(update={"model": model.name}), score.folder)


def stored_earlier(
    store: Store, model_revision: str, *, task: str, task_revision: str, split: str, subset: str
) -> Score | None:
    """Return a score of the store by revisions that may be earlier ones, None where it isn't there any more.

    Raises:
        DamagedArtefact: Score or items are not as they were written.
    """
    return _under(store, _key(model_revision, task, task_revision, split, subset))


def _under(store: Store, name: str) -> Score | None:
    if store.path(KIND, name).exists() and not store.has_manifest(KIND, name):
        adopt(store, name)
    folder = store.open(KIND, name, _SCORE, ITEMS)
    return None if folder is None else Score(_record(folder), folder)


def adopt(store: Store, name: str) -> None:
    """Give a score of an earlier version its manifest, once it is the score of its key and follows from its items.

    Raises:
        DamagedArtefact: It isn't, or it can't be read.
    """
    import pyarrow as pa

    folder = store.path(KIND, name)
    record = _record(folder)
    try:
        table = Score(record, folder).items()
        value = items.recompute(table, metric=record.metric, statistic=record.statistic)
    except DamagedArtefact:
        raise
    except (TcmbenchError, OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DamagedArtefact(folder / ITEMS, what=f"its items can't be read: {error}") from error
    if _key(record.model_revision, record.task, record.task_revision, record.split, record.subset) != name:
        raise DamagedArtefact(folder, what=f"the score of {record.model} on {record.task} has another key")
    if not math.isclose(value, record.value, abs_tol=_EQUAL) or table.num_rows != record.items:
        raise DamagedArtefact(
            folder / _SCORE,
            what=f"{record.metric} is {record.value} over {record.items} items, but its items give {value} over "
            f"{table.num_rows}",
        )
    store.adopt(KIND, name)


def _record(folder: Path) -> ScoreRecord:
    path = folder / _SCORE
    try:
        return ScoreRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedArtefact(path, what=f"expected a score that tcmbench wrote, but: {error}") from error


def measure(workspace: Workspace, model: Model, loaded: MTEBModels, task: Task, *, split: str, subset: str) -> Score:
    """Return a score, measured and stored unless it is in the store; a damaged one is measured again.

    A lock is held meanwhile: of two processes that need the same score one measures it, the other waits and reads it.

    Raises:
        EvaluationError: A score that is not finite, or that mteb didn't report.
        ParityError: The items don't average to what mteb reports.
        DataError: The task's data can't be used.
    """
    store = workspace.store
    with store.lock(KIND, score_key(model.revision, task, split=split, subset=subset)):
        try:
            score = stored(store, model, task, split=split, subset=subset)
        except DamagedArtefact as error:
            logger.error("%s: %s. It is measured again.", error.path, error.what)
            score = None
        return score or _measured(workspace, model, loaded, task, split=split, subset=subset)


def _measured(workspace: Workspace, model: Model, loaded: MTEBModels, task: Task, *, split: str, subset: str) -> Score:
    """Measure, check, store and return a score.

    Raises:
        EvaluationError: A score that is not finite, or that mteb didn't report.
        ParityError: The items don't average to what mteb reports.
        DataError: The task's data can't be used.
    """
    import pyarrow.parquet as pq

    instance = tasks.instantiate(task, split, subset=subset)
    recorder = items.Recorder(instance)
    before = (getattr(loaded, "encoded_texts", 0), getattr(loaded, "encoded_tokens", 0))
    start = time.monotonic()
    where = f"{model.name} on {task.name}/{split}"
    with failures.explained(where, place=workspace.cache):
        hub_data.load_data(instance, task)
        sample = None if task.limit is None else sampling.restrict(instance, task.limit, split=split, subset=subset)
        # mteb's tools must not take a sample's result for the task's
        cache = workspace.cache / "mteb" / ("" if task.limit is None else f"limit-{task.limit}")
        result = _through_mteb(loaded, instance, cache, keeps_predictions=task.needs == "texts")
        if (confirm := getattr(loaded, "confirm", None)) is not None:
            confirm()  # a server may have changed its model meanwhile
        seconds = time.monotonic() - start
        scores = _scores_of(result, split=split, subset=subset, where=where)
        table = items.items_table(instance, recorder, scores, metric=task.metric, split=split, subset=subset)
        value = items.recompute(table, metric=task.metric, statistic=task.statistic)
    reported = scores.get(task.metric)
    if not isinstance(reported, int | float) or not math.isfinite(reported):
        raise EvaluationError(f"{where}: expected a finite {task.metric} from mteb, got {reported!r}")
    items.check(value, reported=float(reported), metric=task.metric, where=where)
    record = ScoreRecord(
        model=model.name,
        model_revision=model.revision,
        task=task.name,
        split=split,
        subset=subset,
        task_revision=task.measured_revision,
        task_type=str(instance.metadata.type),
        metric=task.metric,
        value=value,
        statistic=task.statistic,
        # mteb reports NaN for undefined figures (nAUC of a constant), which JSON can't represent.
        metrics={name: float(x) for name, x in scores.items() if isinstance(x, int | float) and math.isfinite(x)},
        items=table.num_rows,
        sampled_from=None if sample is None else sample.of,
        notes=(*getattr(instance, "notes", ()), *([] if sample is None else [f"a fixed sample: {sample}"])),
        provenance=provenance(
            workspace.root,
            seconds=seconds,
            seed=model.seed,
            encoded_texts=getattr(loaded, "encoded_texts", 0) - before[0],
            encoded_tokens=getattr(loaded, "encoded_tokens", 0) - before[1],
            others=_packages(loaded),
        ),
    )
    store = workspace.store
    name = score_key(model.revision, task, split=split, subset=subset)
    with store.build(KIND, name) as part:
        pq.write_table(table, part / ITEMS, compression="zstd")
        write_text(part / "task_result.json", result.model_dump_json(indent=1))
        write_json(part / _SCORE, record.model_dump(mode="json"))
    return Score(record, store.path(KIND, name))


def _packages(loaded: Any) -> dict[str, str]:
    """Return what a model computes with beside the packages of this process: package → version."""
    found: dict[str, str] = {}
    while loaded is not None:
        found |= getattr(loaded, "packages", {})
        loaded = getattr(loaded, "inner", None) or getattr(loaded, "dense", None)
    return found


def _through_mteb(
    loaded: MTEBModels,
    instance: Any,
    cache: Path,
    *,
    keeps_predictions: bool,
) -> TaskResult:
    """Return mteb's own result; it is also written to mteb's cache for its tools, and never read from there."""
    import mteb
    from mteb.cache import ResultCache

    with warnings.catch_warnings():
        # numpy and scipy warn of constant vectors (the random baseline on tiny tasks); the score is checked by us.
        warnings.simplefilter("ignore")
        found = mteb.evaluate(
            loaded,
            instance,
            co2_tracker=False,
            cache=ResultCache(cache),
            overwrite_strategy="always",
            prediction_folder=items.Recorder.folder if keeps_predictions else None,
            show_progress_bar=False,
            encode_kwargs={"batch_size": 32, "show_progress_bar": False},
        )
    results: list[TaskResult] = found.task_results
    if len(results) != 1:
        raise EvaluationError(f"{instance.metadata.name}: expected one result from mteb, got {len(results)}")
    return results[0]


def _scores_of(result: TaskResult, *, split: str, subset: str, where: str) -> Mapping[str, Any]:
    for row in result.scores.get(split, []):
        if row["hf_subset"] == subset:
            found: Mapping[str, Any] = row
            return found
    raise EvaluationError(f"{where}: mteb reports no scores for split {split!r}, subset {subset!r}")
