"""Jobs side by side on one machine: the same board, no job twice, and no process left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tcmbench import tasks
from tcmbench.boards import publish
from tcmbench.errors import StorageError
from tcmbench.evaluation import evaluate
from tcmbench.executors import _processes, local
from tcmbench.records.events import JobFailed, JobFinished, JobStarted, MeasuringStarted, ScoreMeasured
from tcmbench.runs import status
from tcmbench.specs.model_set import ModelSet
from tests.executors.conftest import MODELS, score_key
from tests.running import run, stored
from tests.runs.test_queue import job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.records.events import Event
    from tcmbench.workspace import Workspace

CLI = "import sys; from tcmbench.cli import main; sys.argv = ['tcmbench', *sys.argv[1:]]; main()"
COUNTING = (
    "import pathlib\n"
    "from tcmbench.store import Store\n"
    "build = Store.build\n"
    "def counted(self, kind, key):\n"
    "  with pathlib.Path('builds').open('a') as file: file.write(f'{kind} {key}\\n')\n"
    "  return build(self, kind, key)\n"
    "Store.build = counted\n"
)
"""Has a run write a line for each artefact that it makes."""

_FULL = """
import runpy
from tcmbench.errors import StorageError
from tcmbench.runs import perform
def full(*_, **__):
    raise StorageError("/store: expected room to write; 0 bytes are free")
perform.perform = full
runpy.run_module("tcmbench.executors._worker", run_name="__main__")
"""
"""A worker whose disk is full."""

PATIENCE = 300.0


def workers(of: int | None = None) -> list[psutil.Process]:
    """Return the worker processes of a process, by default of this one."""
    found = []
    for process in psutil.Process(of).children(recursive=True):
        try:
            if "tcmbench.executors._worker" in process.cmdline():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for something that must come."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.05)


def start(place: Workspace, *arguments: str, code: str = CLI) -> subprocess.Popen[bytes]:
    """Start `tcmbench run small` in the workspace."""
    command = [sys.executable, "-c", code, "run", "small", "--data", str(place.data_root), *arguments]
    return subprocess.Popen(command, cwd=place.root, env={**os.environ, "TCMBENCH_CACHE": str(place.cache)})


def test_side_by_side_gives_the_same_board_as_one_by_one(small: Workspace) -> None:
    """But for the speed that was measured the files are the same to the byte; events of the workers arrive here."""
    model_set = small.spec(ModelSet, "small")
    boards, ends, measured = [], [], []
    for jobs in (1, 2):
        place = replace(small, cache=small.root / f"store{jobs}")
        done = run(place, "small", jobs=jobs)
        entries = [replace(entry, cost=None) for entry in done.entries]
        files = publish.write_board(place, model_set, tasks.plan_set(place, model_set), entries).files
        boards.append({path.name: path.read_bytes() for path in files if path.suffix in {".csv", ".html"}})
        ends.append({event.model for event in done.events if isinstance(event, JobFinished)})
        measured.append({event for event in done.events if isinstance(event, ScoreMeasured)})
    assert set(boards[0]) == {"index.html", "scores.csv"}
    assert boards[0] == boards[1]
    assert ends == [set(MODELS), set(MODELS)]
    assert measured[0] == measured[1]
    assert len(measured[0]) == 4
    assert workers() == []


@pytest.mark.slow
def test_two_runs_measure_each_score_once(small: Workspace) -> None:
    """Both wait for the same lock in the end; one of them measures, the other reads what that one stored."""
    with ExitStack() as held:
        held.enter_context(small.store.lock(evaluate.KIND, score_key(small, "random", "SmallSTS")))
        runs = [start(small, code=COUNTING + CLI) for _ in range(2)]
        until(
            lambda: [doing[:2] for doing in status.running(small.store)] == [("random", "SmallSTS")] * 2,
            "two runs that want the same score",
        )
        held.close()
    assert [one.wait(PATIENCE) for one in runs] == [0, 0]
    builds = [line.split() for line in (small.root / "builds").read_text(encoding="utf-8").splitlines()]
    keys = [key for kind, key in builds if kind == evaluate.KIND]
    assert sorted(keys) == sorted(score_key(small, model, task) for model in MODELS for task in ("SmallQA", "SmallSTS"))


@pytest.mark.slow
def test_a_killed_worker_is_started_again(small: Workspace) -> None:
    """SIGKILL in the middle of a job costs no score; what that job had stored is not measured again."""
    (small.root / "models/sets/small.toml").write_text(
        'suite = "small"\nreference = "random"\nmodels = ["random"]\n', encoding="utf-8"
    )
    with ExitStack() as held:
        held.enter_context(small.store.lock(evaluate.KIND, score_key(small, "random", "SmallSTS")))
        killed: list[int] = []

        def kill(event: Event) -> None:
            # The worker waits for the lock, so that it can't be done before it is killed.
            if event == MeasuringStarted("random", "SmallSTS") and not killed:
                (worker,) = workers()
                worker.kill()
                killed.append(worker.pid)
                held.close()

        done = run(small, "small", jobs=2, emit=kill)
    assert done.notes == ["random: its process was killed by signal 9; restarted"]
    assert [event.model for event in done.events if isinstance(event, JobStarted)] == ["random", "random"]
    measured = [event.column for event in done.events if isinstance(event, ScoreMeasured)]
    assert measured == ["SmallQA", "SmallSTS"]
    assert done.entries[0].states == {}


def test_a_job_that_always_kills_its_process_is_given_up(small: Workspace) -> None:
    """The reason is in the store for all its scores, and the run ends."""

    def kill(event: Event) -> None:
        if isinstance(event, JobStarted):
            for _ in range(20):  # a process that has only just been forked isn't known as a worker yet
                for one in workers():
                    one.kill()
                time.sleep(0.05)

    done = run(small, "small", jobs=2, retries=1, emit=kill)
    failed = {event.model: event.reason for event in done.events if isinstance(event, JobFailed)}
    assert set(failed) == set(MODELS)
    for entry in stored(small, "small"):
        assert {state.state for state in entry.states.values()} == {"failed"}
        assert {str(state.reason) for state in entry.states.values()} == {failed[entry.name]}
        assert "killed by signal 9, 2 times" in failed[entry.name]
    assert len([event for event in done.events if isinstance(event, JobStarted)]) == 4


@pytest.mark.slow
def test_a_killed_run_leaves_no_worker(small: Workspace) -> None:
    """SIGKILL of the run ends its workers too."""
    with small.store.lock(evaluate.KIND, score_key(small, "random", "SmallSTS")):
        parent = start(small, "--jobs", "2")
        until(
            lambda: ("random", "SmallSTS") in [doing[:2] for doing in status.running(small.store)],
            "a worker that waits for the lock",
        )
        left = workers(parent.pid)
        assert left
        parent.kill()
        parent.wait()
        _, alive = psutil.wait_procs(left, timeout=PATIENCE)
    assert alive == []
    assert status.running(small.store) == []


def test_each_job_has_its_share_of_cores_and_gpus_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four cores and two GPUs for two jobs: two threads each, no GPU twice, and none for a job without need."""
    seen: list[tuple[str | None, str | None]] = []

    def started(command: object, *, env: dict[str, str], **more: Any) -> subprocess.Popen[bytes]:
        assert env["OMP_WAIT_POLICY"] == "passive"
        seen.append((env.get("OMP_NUM_THREADS"), env.get("CUDA_VISIBLE_DEVICES")))
        return real([sys.executable, "-c", ""], env=env, **more)

    real = subprocess.Popen
    monkeypatch.setattr(_processes.subprocess, "Popen", started)
    monkeypatch.setattr(_processes.processor, "cores", lambda: 4)
    monkeypatch.setattr(_processes.machine_gpus, "visible", lambda: ("4", "7"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    jobs = [job(tmp_path, "a", gpus=1), job(tmp_path, "b", gpus=1), job(tmp_path, "c"), job(tmp_path, "d", gpus=8)]
    local.run(jobs, options=local.Options(jobs=2, retries=0), emit=lambda _: None)
    assert seen == [("2", "4"), ("2", "7"), ("2", ""), ("2", "4,7")]


def test_a_full_disk_ends_the_run(small: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folder and room are named once, no job has failed of itself, and no worker is left."""

    def started(command: list[str], **more: Any) -> subprocess.Popen[bytes]:
        return real([sys.executable, "-c", _FULL, command[-1]], **more)

    real = subprocess.Popen
    monkeypatch.setattr(_processes.subprocess, "Popen", started)
    with pytest.raises(StorageError, match=r"^/store: expected room to write; 0 bytes are free$"):
        run(small, "small", jobs=2)
    assert workers() == []
    assert {state.state for entry in stored(small, "small") for state in entry.states.values()} == {"pending"}


def test_a_run_without_jobs_starts_nothing() -> None:
    """Nothing is missing: no event, no process."""
    events: list[Event] = []
    local.run([], options=local.Options(jobs=2), emit=events.append)
    assert events == []
