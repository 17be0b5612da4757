"""Running the jobs of a set by an executor, with a status that other processes can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tcmbench.records.events import Note
from tcmbench.runs import status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.events import Emit, Event
    from tcmbench.runs.job import Job
    from tcmbench.runs.jobs import PlannedRun
    from tcmbench.store import Store


class Execute(Protocol):
    """Performs jobs, each after the one that it depends on."""

    def __call__(self, jobs: Sequence[Job], *, emit: Emit) -> None:
        """Perform all jobs; one that fails doesn't stop the others."""
        ...


def run(store: Store, missing: PlannedRun, *, execute: Execute, emit: Emit) -> None:
    """Train and measure what is missing; the results are in the store, where `gather` reads them.

    Args:
        store: The store that all jobs use.
        missing: Jobs to perform.
        execute: Performs the jobs.
        emit: Receives the events.
    """
    for name, reason in missing.refused.items():
        emit(Note(f"{name}: {reason}"))
    if not missing.jobs:
        return
    with status.reporting(store) as shown:

        def to_both(event: Event) -> None:
            shown.show(event)
            emit(event)

        execute(missing.jobs, emit=to_both)
