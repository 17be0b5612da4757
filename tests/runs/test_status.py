"""What a run notes for those who look at its board."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tcmbench.records.entry import CellState, Entry
from tcmbench.records.events import (
    JobFailed,
    JobFinished,
    JobStarted,
    MeasuringStarted,
    Note,
    ScoreMeasured,
    TrainingStep,
)
from tcmbench.records.reason import Reason
from tcmbench.runs.status import Doing, mark, reporting, running
from tcmbench.store import Store, write_json

if TYPE_CHECKING:
    from pathlib import Path


def test_others_see_what_is_done_while_it_is(tmp_path: Path) -> None:
    """Trainings and measurements are seen from their begin to their end, several at a time."""
    store = Store(tmp_path)
    with reporting(store) as status:
        assert running(store) == []
        status.show(JobStarted("a", "good/seed1", ("Task/test",)))
        assert running(store) == []
        status.show(MeasuringStarted("good/seed1", "Task/test"))
        status.show(JobStarted("b", "other/seed0", ()))
        assert running(store) == [
            Doing("good/seed1", "Task/test", Reason.of("measuring")),
            Doing("other/seed0", "", Reason.of("starting")),
        ]
        status.show(ScoreMeasured("good/seed1", "Task/test", None))
        status.show(TrainingStep("other/seed0", step=3, total=9, loss=1.0, remaining=5.0))
        assert running(store) == [Doing("other/seed0", "", Reason.of("training", step=3, total=9))]
        status.show(Note("text"))
        status.show(JobFinished("b", "other/seed0"))
        assert running(store) == []
        status.show(JobStarted("c", "worse/seed0", ()))
        status.show(JobFailed("c", "worse/seed0", "why"))
        assert running(store) == []
    assert list((tmp_path / "running").iterdir()) == []


def test_two_runs_never_share_a_file(tmp_path: Path) -> None:
    """Runs with the same host name and process id, as in two containers, are kept apart, also when one ends."""
    store = Store(tmp_path)
    with reporting(store) as first:
        first.show(MeasuringStarted("a", "Task"))
        with reporting(store) as second:
            second.show(MeasuringStarted("b", "Task"))
            assert sorted(running(store)) == [
                Doing("a", "Task", Reason.of("measuring")),
                Doing("b", "Task", Reason.of("measuring")),
            ]
        assert running(store) == [Doing("a", "Task", Reason.of("measuring"))]


def test_a_file_without_a_lock_is_stale(tmp_path: Path) -> None:
    """A file that no process holds a lock for is what a killed run left: it is removed."""
    write_json(
        tmp_path / "running" / "0.json", {"doing": [{"model": "good", "column": "Task", "reason": "being measured"}]}
    )
    assert running(Store(tmp_path)) == []
    assert list((tmp_path / "running").iterdir()) == []


def test_a_killed_run_does_not_run(tmp_path: Path) -> None:
    """SIGKILL takes the lock from a run."""
    code = (
        "import pathlib, sys, time\n"
        "from tcmbench.records.events import MeasuringStarted\n"
        "from tcmbench.runs.status import reporting\n"
        "from tcmbench.store import Store\n"
        "with reporting(Store(pathlib.Path(sys.argv[1]))) as status:\n"
        "  status.show(MeasuringStarted('good', 'Task'))\n"
        "  print('ready', flush=True)\n"
        "  time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            assert running(Store(tmp_path)) == [Doing("good", "Task", Reason.of("measuring"))]
        finally:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert running(Store(tmp_path)) == []


def test_steps_are_written_every_two_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fast training doesn't write the file at each step."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    store, seen = Store(tmp_path), []
    with reporting(store) as status:
        for step, seconds in ((1, 100.0), (2, 101.0), (3, 102.5)):
            now[0] = seconds
            status.show(TrainingStep("m", step, 9, 1.0, 5.0))
            seen += [str(doing.reason) for doing in running(store)]
    assert seen == ["training, step 1 of 9", "training, step 1 of 9", "training, step 3 of 9"]


def test_only_pending_cells_become_running() -> None:
    """A training touches all pending cells of its variant, a measurement one; other states stay."""
    entry = Entry(
        name="good",
        title="good",
        kind="variant",
        states={"A": CellState("pending"), "B": CellState("pending"), "C": CellState("failed", Reason.message("why"))},
    )
    measuring = mark([entry], [Doing("good/seed1", "A", Reason.of("measuring"))])[0].states
    assert [measuring[c].state for c in "ABC"] == ["running", "pending", "failed"]
    assert str(measuring["A"].reason) == "seed 1, being measured"
    training = mark([entry], [Doing("good/seed0", "", Reason.of("training", step=3, total=9))])[0].states
    assert [training[c].state for c in "ABC"] == ["running", "running", "failed"]
    assert mark([entry], [Doing("other", "A", Reason.of("measuring"))]) == [entry]
