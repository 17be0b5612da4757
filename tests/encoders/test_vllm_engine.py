"""Processes of vLLM end surely: with their engine, with this process, and when that is killed."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tcmbench.encoders._vllm_engine import Engine, Engines, Launch, Tokens, installed_version
from tcmbench.errors import EvaluationError

STAND_IN = Path(__file__).with_name("vllm_stand_in")
SECONDS = 60.0
"""A loaded machine starts an interpreter in seconds."""

REQUEST = {"ids": [[1, 2]], "segments": [None]}

HARNESS = """
import os, sys, time
from tcmbench.encoders._vllm_engine import Engine, Launch
engine = Engine(Launch("b", sys.executable, {"model": "m"}, dict(os.environ)))
engine.ask({"ids": [[1, 2]], "segments": [None]}, is_pairs=False)
child = os.fork()
if child == 0:
    time.sleep(600)
print(child, flush=True)
time.sleep(600)
"""
"""A program with an engine and a child of its own, which has inherited the engine's pipe."""


def launch(tmp_path: Path, wrong: str = "") -> Launch:
    """Return a launch of the stand-in, which logs its process id."""
    environment = {
        **os.environ, "PYTHONPATH": f"{STAND_IN}:{STAND_IN.parent}", "STAND_IN": wrong,
        "STAND_IN_LOG": str(tmp_path / "starts"),
    }  # fmt: skip
    return Launch("b", sys.executable, {"model": "m"}, environment)


def started(tmp_path: Path, *, lines: int = 1) -> int:
    """Return the id of the process once its engine has written some lines: it has started, and hangs."""
    log = tmp_path / "starts"
    until = time.monotonic() + SECONDS
    while not (log.is_file() and log.read_text(encoding="utf-8").count("\n") >= lines):
        assert time.monotonic() < until
        time.sleep(0.05)
    return int(log.read_text(encoding="utf-8").split()[0])


def ends(pid: int) -> bool:
    """Return whether a process ends in time."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_process_ends_with_its_engine(tmp_path: Path) -> None:
    """When nothing refers to it any more, so that the next model finds the GPU's memory free."""
    engine = Engine(launch(tmp_path))
    engine.ask(REQUEST, is_pairs=False)
    pid = started(tmp_path)
    del engine
    gc.collect()
    assert ends(pid)


@pytest.mark.parametrize("wrong", ["", "hang"])
def test_a_killed_parent_leaves_no_process(wrong: str, tmp_path: Path) -> None:
    """SIGKILL, in the middle of a request, and while a child of the parent still holds the other end of the pipe."""
    env = {**launch(tmp_path, wrong).environment}
    env["PYTHONPATH"] += f":{Path(__file__).parents[2]}"
    harness = subprocess.Popen([sys.executable, "-c", HARNESS], env=env, stdout=subprocess.PIPE, text=True)
    pid = started(tmp_path, lines=2 if wrong else 1)
    assert harness.stdout is not None
    child = 0 if wrong else int(harness.stdout.readline())
    try:
        harness.send_signal(signal.SIGKILL)
        harness.wait()
        assert ends(pid)
    finally:
        harness.stdout.close()
        if child:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("count", [1, 2])
def test_ctrl_c_ends_the_processes(tmp_path: Path, count: int) -> None:
    """Their answers would be taken for those of the next request, and nobody waits for them."""
    engines = Engines([launch(tmp_path, "hang")] * count)
    tokens = Tokens([[1, 2], [3]], [None, None])
    main = threading.get_ident()

    def interrupt() -> None:
        started(tmp_path, lines=2 * count)
        # Python notices a signal that comes just before it begins to wait only after the wait.
        time.sleep(0.5)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    # As polars sets it, which mteb loads: the system resumes what a signal interrupts.
    signal.siginterrupt(signal.SIGINT, False)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            engines.numbers(tokens, is_pairs=False)
    finally:
        signal.siginterrupt(signal.SIGINT, True)
    thread.join()
    words = (tmp_path / "starts").read_text(encoding="utf-8").split()
    pids = [int(word) for word in words if word.isdigit()]
    assert len(pids) == count
    assert all(map(ends, pids))
    with pytest.raises(EvaluationError, match=r"was interrupted|was killed|ended with"):
        engines.numbers(tokens, is_pairs=False)
    assert (tmp_path / "starts").read_text(encoding="utf-8").split() == words


def test_the_version_of_an_environment_is_read_off_its_files(tmp_path: Path) -> None:
    """Vectors belong to it, also where all are stored and no process starts."""
    python = tmp_path / "bin/python"
    assert installed_version(str(python)) == ""
    (tmp_path / "lib/python3.12/site-packages/vllm-0.32.0+cpu.dist-info").mkdir(parents=True)
    assert installed_version(str(python)) == "0.32.0+cpu"
