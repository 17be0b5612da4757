"""The board of a run that goes on: written as rows come, marked as partial, and replaced by the finished one."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from tcmbench.boards import live, publish, whole_run
from tcmbench.boards.live import LiveBoard
from tcmbench.errors import NotComparable
from tcmbench.executors import local
from tcmbench.records.events import JobFinished, JobStarted, Note
from tcmbench.runs.jobs import plan
from tcmbench.runs.selection import select

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.records.events import Event
    from tcmbench.workspace import Workspace

MODELS = ("random", "hashed-chars", "bm25")


@pytest.fixture
def place(tiny: Workspace, tmp_path: Path) -> Workspace:
    """A set of three models without weights on one task; nothing is measured."""
    from tcmbench.workspace import find

    (tiny.root / "tasks/suites/one.toml").write_text('[[tasks]]\ntask = "TinyQA"\nrole = "general"\n', encoding="utf-8")
    (tiny.root / "models/sets/three.toml").write_text(
        'suite = "one"\nreference = "hashed-chars"\nmodels = ["random", "hashed-chars", "bm25"]\n', encoding="utf-8"
    )
    place = find(tiny.root, data=tiny.data_root, cache=tmp_path / "store")
    (place.leaderboards / "three/index.html").unlink(missing_ok=True)
    return place


def run(place: Workspace, *, after: Callable[[Event], None] = lambda _: None) -> list[str]:
    """Run the set as the command does; return the notes."""
    notes: list[str] = []

    def emit(event: Event) -> None:
        if isinstance(event, Note):
            notes.append(event.text)
        after(event)

    selection = select(place, "three")
    missing = plan(place, selection.model_set, selection.planned)
    whole_run.run(
        selection, missing, execute=lambda jobs, emit: local.run(jobs, options=local.Options(), emit=emit), emit=emit
    )
    return notes


def page(place: Workspace) -> str:
    """Return the page of the set; empty where there is none."""
    path = place.leaderboards / "three/index.html"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def test_the_board_is_there_as_soon_as_the_reference_is(place: Workspace) -> None:
    """Not before, marked as partial with what is measured; the finished one is not."""
    seen: list[str] = []

    def look(event: Event) -> None:
        if isinstance(event, JobStarted):
            seen.append(page(place))

    notes = run(place, after=look)
    assert len(seen) == len(MODELS)
    assert seen[:2] == ["", ""]
    assert "Running: 2 of 3 models are measured." in seen[2]
    assert 'data-reload="10"' in seen[2]
    assert [note.split(" (")[0] for note in notes] == [f"first board: {place.leaderboards}/three/index.html"]
    assert "models are measured" not in page(place)
    assert "data-reload" not in page(place)


def test_a_killed_run_leaves_a_board_that_says_so(place: Workspace) -> None:
    """Page, CSV and JSON show the same scores, and what is still to be measured."""

    class Killed(BaseException):
        """The end of the process."""

    def stop(event: Event) -> None:
        if isinstance(event, JobStarted) and event.model == "bm25":
            raise Killed

    with pytest.raises(Killed):
        run(place, after=stop)
    assert "Running: 2 of 3 models are measured." in page(place)
    with (place.leaderboards / "three/scores.csv").open(encoding="utf-8", newline="") as file:
        status = {line["model"]: line["status"] for line in csv.DictReader(file) if line["task"] == "TinyQA"}
    assert status == {"random": "measured", "hashed-chars": "measured", "bm25": "pending"}
    assert run(place) == []
    assert "models are measured" not in page(place)


def test_boards_take_a_small_part_of_a_run(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one that took a second, the next is due ten seconds later."""
    times = iter([0.0, 1.0, 1.0, 10.9, 11.1, 12.0, 12.0])
    monkeypatch.setattr(live.time, "monotonic", lambda: next(times))
    written: list[int] = []
    selection = select(place, "three")
    jobs = plan(place, selection.model_set, selection.planned)
    board = LiveBoard(selection, jobs, emit=lambda _: None)
    monkeypatch.setattr(board, "_write", lambda: written.append(1))
    monkeypatch.setattr(board, "_has_reference", lambda: True)
    board._left |= dict.fromkeys(("a", "b", "c"), jobs.jobs[0])
    for name in ("a", "b", "c"):
        board.show(JobFinished(name, "random"))
    assert len(written) == 2


def test_a_board_that_cannot_be_computed_does_not_stop_the_run(
    place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is noted once, and the end of the run decides."""

    def fail(*_: object, **__: object) -> None:
        raise NotComparable("measured on other data")

    monkeypatch.setattr(publish, "table", fail)
    assert run(place) == ["No board until the run ends: measured on other data"]
    assert "models are measured" not in page(place)
