"""A run of a set from its selection to its board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench import strict_json
from tcmbench.boards import publish
from tcmbench.boards.live import LiveBoard
from tcmbench.history import log
from tcmbench.history.states import state_of
from tcmbench.records.provenance import present_commit
from tcmbench.runs import gather, run_set

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tcmbench.boards.publish import Result
    from tcmbench.records.entry import Entry
    from tcmbench.records.events import Emit, Event
    from tcmbench.runs.jobs import PlannedRun
    from tcmbench.runs.run_set import Execute
    from tcmbench.runs.selection import SelectedRun


def run(selection: SelectedRun, missing: PlannedRun, *, execute: Execute, emit: Emit) -> Result:
    """Train and measure what is missing, and write and return the board of the whole set, also as rows come.

    The results are appended to the set's log (`history.log`); a quick look, and a set without a file, have none.

    Args:
        selection: What is measured.
        missing: Its jobs.
        execute: Performs the jobs.
        emit: Receives the events.
    """
    place, model_set, planned = selection.workspace, selection.model_set, selection.planned
    board = LiveBoard(selection, missing, emit=emit)
    commit = present_commit(place.root, without=(place.leaderboards.name,))

    def to_both(event: Event) -> None:
        emit(event)
        board.show(event)

    run_set.run(place.store, missing, execute=execute, emit=to_both)
    entries = gather.entries(place, model_set, planned)
    result = publish.write_board(place, model_set, planned, entries, part=selection.part)
    if publish.folder(place, model_set, planned).parent == place.leaderboards:
        _log(selection, entries, result.files, commit=commit)
    return result


def _log(selection: SelectedRun, entries: Sequence[Entry], files: Sequence[Path], *, commit: str) -> None:
    """Append the state of a set, with the intervals of its board, to the set's log."""
    board = next(path for path in files if path.name == "scores.json")
    intervals = _intervals(strict_json.loads(board.read_text(encoding="utf-8")))
    suite = selection.planned.suite
    state = state_of(selection.model_set, suite, entries, commit=commit, intervals=intervals)
    if state.models:
        log.append(selection.workspace, state)


def _intervals(board: Mapping[str, Any]) -> dict[str, dict[str, tuple[float | None, float | None]]]:
    """Return model → column → ends of the score's interval, from `scores.json`."""
    return {
        row["name"]: {
            column: (cell["score"]["low"], cell["score"]["high"])
            for column, cell in row["cells"].items()
            if cell["score"] is not None
        }
        for row in board["rows"]
    }
