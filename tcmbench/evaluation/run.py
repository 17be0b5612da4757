"""One model on the columns of a suite: stored scores are read, missing ones are measured."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from tcmbench import models
from tcmbench.encoders.runtime.batches import Counted
from tcmbench.errors import DamagedArtefact, DataError, StorageError, TcmbenchError
from tcmbench.evaluation import corpus_part, evaluate
from tcmbench.records import failures
from tcmbench.records.cells import Cells
from tcmbench.records.entry import CellState
from tcmbench.records.events import Encoding, MeasuringStarted, ScoreMeasured
from tcmbench.records.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mteb.models.models_protocols import MTEBModels

    from tcmbench.records.events import Emit
    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.records.score import Score
    from tcmbench.specs.base import Base
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.store import Store
    from tcmbench.workspace import Workspace

logger = logging.getLogger(__name__)


def read(workspace: Workspace, model: Model, planned: PlannedSuite) -> Cells:
    """Return the stored scores of a model; other columns are pending, failed, not measured or not applicable."""
    scores: dict[str, Score] = {}
    states: dict[str, CellState] = {}
    for column in planned.suite.tasks:
        obstacle = _obstacle(model.base, column, planned)
        if obstacle is not None:
            states[column.column] = obstacle
            continue
        try:
            score = _stored(workspace.store, model, column, planned)
        except DamagedArtefact as error:
            states[column.column] = failures.damaged(workspace.store, error)
            continue
        if score is None:
            last = failures.last(workspace.store, key_of(model, column, planned))
            states[column.column] = last or CellState("pending", Reason.of("not_yet"))
        else:
            scores[column.column] = score
    return Cells(scores, states)


def missing(workspace: Workspace, model: Model, planned: PlannedSuite) -> tuple[SuiteTask, ...]:
    """Return the columns that can be measured and have no score; what failed before or is damaged is tried again."""
    return tuple(
        column for column in measurable(model.base, planned) if not _is_stored(workspace.store, model, column, planned)
    )


def measurable(base: Base, planned: PlannedSuite) -> tuple[SuiteTask, ...]:
    """Return the columns that a base, or a model tuned from it, can be measured on here."""
    return tuple(column for column in planned.suite.tasks if _obstacle(base, column, planned) is None)


def key_of(model: Model, column: SuiteTask, planned: PlannedSuite) -> str:
    """Return the key of the score of a model on a column."""
    task = planned.tasks[column.task]
    return evaluate.score_key(model.revision, task, split=column.split, subset=column.subset)


def measure(
    workspace: Workspace,
    model: Model,
    columns: Iterable[SuiteTask],
    planned: PlannedSuite,
    *,
    emit: Emit,
    device: str | None = None,
    loaded: MTEBModels | None = None,
) -> None:
    """Measure columns of a model; a failure is recorded in the store and doesn't stop the others.

    Columns that another process is measuring come last; by then their scores are likely to be in the store.

    Args:
        workspace: Where data and the store are.
        model: What is measured; it is loaded once.
        columns: What is measured of the suite.
        planned: The suite.
        emit: Receives the events.
        device: Device of the model; None for the default of its library.
        loaded: The model, where it is loaded already.

    Raises:
        StorageError: The store can't be written to: no other score could be kept either.
    """
    left = list(columns)
    if not left:
        return
    try:
        if loaded is None:
            with failures.explained(f"{model.name} can't be loaded", place=model.model_dir):
                loaded = models.load(model, cache=workspace.cache, device=device)
    except StorageError:
        raise
    except TcmbenchError as error:
        for column in left:
            _note(workspace.store, model, column, planned, error=error)
            emit(ScoreMeasured(model.name, column.column, None))
        return
    while left:
        is_free = [not workspace.store.is_locked(evaluate.KIND, key_of(model, column, planned)) for column in left]
        column = left.pop(is_free.index(True) if any(is_free) else 0)
        emit(MeasuringStarted(model.name, column.column))
        with _reporting(loaded, model.name, column.column, emit=emit):
            value = _measure(workspace, model, loaded, column, planned)
        emit(ScoreMeasured(model.name, column.column, value))


def encode(
    workspace: Workspace,
    model: Model,
    column: SuiteTask,
    planned: PlannedSuite,
    *,
    part: tuple[int, int],
    emit: Emit,
    device: str | None = None,
) -> None:
    """Encode a part of a column's corpus into the cache of vectors, unless the column is measured.

    Args:
        workspace: Where data and the store are.
        model: The model; it is loaded.
        column: A retrieval task.
        planned: The suite.
        part: First document, and the one after the last.
        emit: Receives the events.
        device: Device of the model; None for the default of its library.

    Raises:
        TcmbenchError: The model can't be loaded, or the documents can't be encoded.
    """
    if _is_stored(workspace.store, model, column, planned):
        return
    with failures.explained(f"{model.name} can't be loaded", place=model.model_dir):
        loaded = models.load(model, cache=workspace.cache, device=device)
    emit(MeasuringStarted(model.name, column.column))
    with _reporting(loaded, model.name, f"{column.column}, documents from {part[0]:,}", emit=emit):
        task = planned.tasks[column.task]
        corpus_part.encode(loaded, task, split=column.split, subset=column.subset, part=part)


@contextlib.contextmanager
def _reporting(loaded: MTEBModels, model: str, column: str, *, emit: Emit) -> Iterator[None]:
    """Emit the progress of a model that counts its texts."""
    if not isinstance(loaded, Counted):
        yield
        return
    unit = loaded.unit
    loaded.report_to(lambda computed: emit(Encoding(model, column, *computed, unit)))
    try:
        yield
    finally:
        loaded.report_to(None)


def _measure(
    workspace: Workspace, model: Model, loaded: MTEBModels, column: SuiteTask, planned: PlannedSuite
) -> float | None:
    """Return the main metric, None where it could not be measured; the store then holds the reason."""
    task = planned.tasks[column.task]
    try:
        score = evaluate.measure(workspace, model, loaded, task, split=column.split, subset=column.subset)
    except StorageError:
        raise
    except TcmbenchError as error:
        _note(workspace.store, model, column, planned, error=error)
        return None
    failures.forget(workspace.store, key_of(model, column, planned))
    return score.record.value


def _is_stored(store: Store, model: Model, column: SuiteTask, planned: PlannedSuite) -> bool:
    try:
        return _stored(store, model, column, planned) is not None
    except DamagedArtefact:
        return False


def _stored(store: Store, model: Model, column: SuiteTask, planned: PlannedSuite) -> Score | None:
    return evaluate.stored(store, model, planned.tasks[column.task], split=column.split, subset=column.subset)


def _note(store: Store, model: Model, column: SuiteTask, planned: PlannedSuite, *, error: TcmbenchError) -> None:
    if not isinstance(error, DataError):  # the same for every model: the end of the command reports it once
        logger.error("%s on %s: %s", model.name, column.column, error)
    failures.note(store, key_of(model, column, planned), error)


def _obstacle(base: Base, column: SuiteTask, planned: PlannedSuite) -> CellState | None:
    """Return why a column can't be measured for a model of a base, None when it can."""
    if column.task in planned.absent:
        return CellState("not_measured", planned.absent[column.task])
    abilities = base.abilities
    if planned.tasks[column.task].needs in abilities:
        return None
    if "documents" in abilities:
        return CellState("not_applicable", Reason.of("searcher"))
    return CellState("not_applicable", Reason.of("reranker"))
