"""A run of a set from its selection to its board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards import publish
from tcmbench.boards.live import LiveBoard
from tcmbench.runs import gather, run_set

if TYPE_CHECKING:
    from tcmbench.boards.publish import Result
    from tcmbench.records.events import Emit, Event
    from tcmbench.runs.jobs import PlannedRun
    from tcmbench.runs.run_set import Execute
    from tcmbench.runs.selection import SelectedRun


def run(selection: SelectedRun, missing: PlannedRun, *, execute: Execute, emit: Emit) -> Result:
    """Train and measure what is missing, and write and return the board of the whole set, also as rows come.

    Args:
        selection: What is measured.
        missing: Its jobs.
        execute: Performs the jobs.
        emit: Receives the events.
    """
    place, model_set, planned = selection.workspace, selection.model_set, selection.planned
    board = LiveBoard(selection, missing, emit=emit)

    def to_both(event: Event) -> None:
        emit(event)
        board.show(event)

    run_set.run(place.store, missing, execute=execute, emit=to_both)
    entries = gather.entries(place, model_set, planned)
    return publish.write_board(place, model_set, planned, entries, part=selection.part)
