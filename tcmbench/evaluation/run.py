"""A suite over models: everything that is missing is measured, one model after the other, and nothing twice."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from tcmbench import models
from tcmbench.errors import DataAbsent, TcmbenchError
from tcmbench.evaluation import evaluate
from tcmbench.records import failures
from tcmbench.records.cells import TO_DO, Cells, Gap

if TYPE_CHECKING:
    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.records.score import Score
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.workspace import Workspace

logger = logging.getLogger(__name__)


class Watcher(Protocol):
    """Who is told how a run goes: a progress bar, or nobody."""

    def begin(self, model: Model, column: SuiteTask) -> None:
        """A measurement begins."""
        ...

    def end(self, model: Model, column: SuiteTask, score: Score | None) -> None:
        """A measurement ended; None when it failed."""
        ...


def read(workspace: Workspace, model: Model, planned: PlannedSuite) -> Cells:
    """Return what the store has of a model; the rest is pending, not measured or not applicable."""
    scores: dict[str, Score] = {}
    gaps: dict[str, Gap] = {}
    for column in planned.suite.tasks:
        gap = _gap(model, column, planned)
        if gap is not None:
            gaps[column.column] = gap
            continue
        task = planned.tasks[column.task]
        score = evaluate.stored(workspace.store, model, task, split=column.split, subset=column.subset)
        if score is None:
            why = failures.last(workspace.store, _key(model, column, planned))
            gaps[column.column] = Gap("failed", why) if why else Gap("pending", "not measured yet")
        else:
            scores[column.column] = score
    return Cells(scores, gaps)


def measure_missing(workspace: Workspace, model: Model, planned: PlannedSuite, *, watcher: Watcher) -> Cells:
    """Measure what is missing of a model and return all its cells; a failed column doesn't stop the others."""
    cells = read(workspace, model, planned)
    to_do = [c for c in planned.suite.tasks if _is_to_do(cells, c)]
    if not to_do:
        return cells
    scores, gaps = dict(cells.scores), dict(cells.gaps)
    try:
        with failures.explained(f"{model.name} can't be loaded"):
            loaded = models.load(model, cache=workspace.cache)
    except TcmbenchError as error:
        for column in to_do:
            gaps[column.column] = _failed(workspace, model, column, planned, error=error)
        return Cells(scores, gaps)
    for column in to_do:
        watcher.begin(model, column)
        score: Score | None = None
        try:
            score = evaluate.measure(
                workspace, model, loaded, planned.tasks[column.task], split=column.split, subset=column.subset
            )
            scores[column.column] = score
            del gaps[column.column]
            failures.forget(workspace.store, _key(model, column, planned))
        except DataAbsent as error:
            gaps[column.column] = Gap("not_measured", str(error))
        except TcmbenchError as error:
            gaps[column.column] = _failed(workspace, model, column, planned, error=error)
        watcher.end(model, column, score)
    return Cells(scores, gaps)


def _failed(workspace: Workspace, model: Model, column: SuiteTask, planned: PlannedSuite, *, error: Exception) -> Gap:
    logger.error("%s on %s: %s", model.name, column.column, error)
    failures.note(workspace.store, _key(model, column, planned), str(error))
    return Gap("failed", str(error))


def _key(model: Model, column: SuiteTask, planned: PlannedSuite) -> str:
    task = planned.tasks[column.task]
    return evaluate.score_key(model.revision, task, split=column.split, subset=column.subset)


def _is_to_do(cells: Cells, column: SuiteTask) -> bool:
    gap = cells.gaps.get(column.column)
    return gap is not None and gap.state in TO_DO


def _gap(model: Model, column: SuiteTask, planned: PlannedSuite) -> Gap | None:
    """Return why a column can't be measured for a model, None when it can."""
    if column.task in planned.absent:
        return Gap("not_measured", planned.absent[column.task])
    abilities = model.base.abilities
    if planned.tasks[column.task].needs in abilities:
        return None
    if "documents" in abilities:
        return Gap("not_applicable", "the model searches documents; it gives no vectors of texts")
    return Gap("not_applicable", "a reranker orders candidates; it neither searches nor gives vectors")


def pending(cells: Cells) -> int:
    """Return how many columns are still to be measured."""
    return sum(gap.state in TO_DO for gap in cells.gaps.values())
