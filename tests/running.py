"""A set, run as `tcmbench run` does it, without the board."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import tasks
from tcmbench.evaluation import run as columns
from tcmbench.executors import local
from tcmbench.records.events import Note
from tcmbench.runs import gather, run_set
from tcmbench.runs.jobs import plan
from tcmbench.specs.model_set import ModelSet

if TYPE_CHECKING:
    from tcmbench.records.cells import Cells
    from tcmbench.records.entry import Entry
    from tcmbench.records.events import Emit, Event
    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.runs.run_set import Execute
    from tcmbench.workspace import Workspace


class Run(NamedTuple):
    """What a run came to."""

    entries: list[Entry]
    """What the store has afterwards, in the set's order."""

    events: list[Event]
    """What was emitted."""

    @property
    def notes(self) -> list[str]:
        """Lines for people."""
        return [event.text for event in self.events if isinstance(event, Note)]


def run(
    workspace: Workspace,
    name: str,
    *,
    jobs: int = 1,
    retries: int = 2,
    emit: Emit = lambda _: None,
    execute: Execute | None = None,
) -> Run:
    """Run a set.

    Args:
        workspace: Where it is.
        name: Name of the set.
        jobs: Number of parallel jobs.
        retries: How often a job is started again whose process died.
        emit: Receives the events of the run.
        execute: Performs the jobs; None for the executor of this machine, with `jobs` and `retries`.
    """
    events: list[Event] = []

    def keep(event: Event) -> None:
        events.append(event)
        emit(event)

    model_set = workspace.spec(ModelSet, name)
    planned = tasks.plan_set(workspace, model_set)
    missing = plan(workspace, model_set, planned)
    here = partial(local.run, options=local.Options(jobs=jobs, retries=retries))
    run_set.run(workspace.store, missing, execute=execute or here, emit=keep)
    return Run(gather.entries(workspace, model_set, planned), events)


def measured(workspace: Workspace, model: Model, planned: PlannedSuite) -> Cells:
    """Measure what is missing of one model and return what the store then has."""
    columns.measure(workspace, model, columns.missing(workspace, model, planned), planned, emit=lambda _: None)
    return columns.read(workspace, model, planned)


def stored(workspace: Workspace, name: str) -> list[Entry]:
    """Return the entries that a later look at the store finds."""
    model_set = workspace.spec(ModelSet, name)
    return gather.entries(workspace, model_set, tasks.plan_set(workspace, model_set))
