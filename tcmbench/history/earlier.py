"""The models of an earlier state with their items, from the store; what it doesn't hold any more is named."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.comparison.measured import Measured, measured
from tcmbench.errors import DamagedArtefact
from tcmbench.evaluation import evaluate
from tcmbench.records.entry import Entry
from tcmbench.records.items import Reader
from tcmbench.specs.suite import Suite, SuiteTask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.history.log import LoggedTask, RunState
    from tcmbench.records.score import Score
    from tcmbench.store import Store

GONE = "its items are no longer in the store"


@dataclass(frozen=True, slots=True)
class EarlierModel:
    """A model of an earlier state."""

    measured: Measured
    """The model with the items that the store still holds."""

    gone: Mapping[str, str]
    """Column with a logged score → why its items can't be read."""


def suite_of(state: RunState) -> Suite:
    """Return the suite that a state was measured on."""
    tasks = tuple(
        SuiteTask(task=task.task, split=task.split, subset=task.subset, role=task.role) for task in state.tasks.values()
    )
    return Suite(name=state.suite, tasks=tasks)


def models_of(
    store: Store, state: RunState, *, names: tuple[str, ...], readers: Mapping[str, Reader] | None = None
) -> dict[str, EarlierModel]:
    """Return models of a state by their name.

    Args:
        store: The store.
        state: The state.
        names: Names of some of its models.
        readers: Column → its reader, shared with other states of the same tasks.
    """
    readers = defaultdict(Reader) if readers is None else readers
    return {name: _model(store, state, name, readers) for name in names}


def _model(store: Store, state: RunState, name: str, readers: Mapping[str, Reader]) -> EarlierModel:
    logged = state.models[name]
    scores: dict[str, tuple[Score, ...]] = {}
    gone: dict[str, str] = {}
    for column in logged.scores:
        try:
            each = [_score(store, state.tasks[column], revision) for revision in logged.revisions]
        except DamagedArtefact as error:
            gone[column] = f"its items in the store are damaged: {error.what}"
            continue
        if None in each:
            gone[column] = GONE
        else:
            scores[column] = tuple(score for score in each if score is not None)
    entry = Entry(name=name, title=name, kind=logged.kind, of=logged.of, scores=scores)
    return EarlierModel(measured(entry, readers=readers), gone)


def _score(store: Store, task: LoggedTask, model_revision: str) -> Score | None:
    return evaluate.stored_earlier(
        store,
        model_revision,
        task=task.task,
        task_revision=task.revision,
        split=task.split,
        subset=task.subset,
    )
