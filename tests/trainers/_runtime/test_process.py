"""A training process is watched, explained when it fails, and never left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tcmbench.errors import ParityError, TcmbenchError, TrainingError
from tcmbench.trainers._runtime import costs, process
from tests.processes import is_gone, waits_for


def run(code: str, folder: Path, **options: object) -> process.Finished:
    """Run a piece of Python as a training would be."""
    return process.run(
        [sys.executable, "-c", code],
        environment=dict(os.environ),
        console=folder / "console.log",
        what="Training",
        **options,  # type: ignore[arg-type]
    )


def test_keeps_all_output_and_measures(tmp_path: Path) -> None:
    """Both streams go to one file, and time and memory are measured."""
    is_measured = tmp_path / "is measured"

    def sample(part: process.Finished) -> None:
        if part.peak_memory_mib > 50:
            is_measured.touch()

    begin = time.monotonic()
    done = run(
        f"import sys; print('out'); print('err', file=sys.stderr)\nx = bytearray(60_000_000)\n{waits_for(is_measured)}",
        tmp_path,
        sample=sample,
    )
    assert sorted((tmp_path / "console.log").read_text().split()) == ["err", "out"]
    assert 0 < done.seconds <= time.monotonic() - begin
    assert done.peak_memory_mib > 50


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_pages_that_forked_helpers_share_count_once(tmp_path: Path) -> None:
    """Three helpers that hold their parent's 200 MB add next to nothing to its peak."""
    is_measured, count = tmp_path / "is measured", 0

    def sample(_: process.Finished) -> None:
        nonlocal count
        count += int((tmp_path / "forked").is_file())
        if count > 1:
            is_measured.touch()

    code = (
        "import os, pathlib, time\n"
        "x = bytearray(b'x') * 200_000_000\n"
        "for _ in range(3):\n    if not os.fork():\n        time.sleep(600)\n"
        f"pathlib.Path({str(tmp_path / 'forked')!r}).touch()\n{waits_for(is_measured)}"
    )
    assert 180 < run(code, tmp_path, sample=sample).peak_memory_mib < 300


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ValueError('lora_rank is 0')", r"ValueError: lora_rank is 0\nFix .* go on from the last"),
        ("raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory')", "ran out of memory.*batch_size"),
        ("raise RuntimeError('CUDA out of memory. Tried to allocate')", "ran out of memory.*gradient_checkpointing"),
        ("import os; os.kill(os.getpid(), 9)", "killed from outside.*go on from the last checkpoint"),
        ("import os; os.kill(os.getpid(), 15)", "ended by SIGTERM.*go on from the last checkpoint"),
        ("import swift_that_is_not_there", "swift_that_is_not_there is not installed.*tcmbench"),
        ("raise SystemExit(3)", r"exit code 3\): no output"),
    ],
)  # fmt: skip
def test_explains_a_failure(tmp_path: Path, code: str, said: str) -> None:
    """The message holds the last error, not the whole output, and what to do next."""
    (tmp_path / "run/checkpoint-5").mkdir(parents=True)
    noise = "print('noise\\n' * 500, flush=True)\n" if "SystemExit" not in code else ""
    with pytest.raises(TrainingError, match=f"(?s){said}") as raised:
        run(noise + code, tmp_path)
    assert len(str(raised.value).splitlines()) <= 3
    assert str(tmp_path / "console.log") in str(raised.value)


def test_a_failure_before_the_first_checkpoint_promises_none(tmp_path: Path) -> None:
    """There is nothing to go on from."""
    with pytest.raises(TrainingError, match=r"run the same command again\. All of its output"):
        run("raise ValueError('no such column')", tmp_path)


TORCHRUN = """
[rank1]: Traceback (most recent call last):
[rank1]:   File "sft.py", line 7, in <module>
[rank1]: {said}
E0101 00:00:00.1 9 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: 1) local_rank: 1 (pid: 7)
Traceback (most recent call last):
  File "torch/distributed/launcher/api.py", line 383, in launch_agent
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
swift.cli.sft FAILED
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  rank      : 1 (local_rank: 1)
  exitcode  : 1 (pid: 7)
  error_file: <N/A>
  traceback : {reported}
============================================================
"""
"""How torchrun 2.13 ends when one of its processes has failed."""


@pytest.mark.parametrize(
    ("said", "reported", "kind", "expected"),
    [
        ("ValueError: no such column", "To enable traceback see: docs", TrainingError, r"1\): ValueError: no such col"),
        (
            "torch.OutOfMemoryError: CUDA out of memory.",
            "To enable traceback see: docs",
            TrainingError,
            "Lower training",
        ),
        ("tcmbench.errors.ParityError: tokens differ", "To enable traceback see: docs", ParityError, ": tokens differ"),
        ("", "Signal 9 (SIGKILL) received by PID 7", TrainingError, r"Signal 9.*\n.*killed from outside"),
    ],
)
def test_torchrun_does_not_hide_what_went_wrong(
    tmp_path: Path, said: str, reported: str, kind: type[TcmbenchError], expected: str
) -> None:
    """On several GPUs the message is what a process said, or how it was killed, not that one of them failed."""
    console = tmp_path / "console.log"
    console.write_text(TORCHRUN.format(said=said, reported=reported))
    found = process.failure(console, begin=0, code=1, what="Training")
    assert type(found) is kind
    assert re.search(expected, str(found), re.DOTALL)
    assert "ChildFailedError" not in str(found)


@pytest.mark.parametrize(("module", "extra"), [("swift", "train"), ("deepspeed", "gpu")])
def test_names_the_extra_of_a_missing_package(tmp_path: Path, module: str, extra: str) -> None:
    """A package that only the process missed is installed by the extra that brings it."""
    console = tmp_path / "console.log"
    console.write_text(f"ModuleNotFoundError: No module named '{module}'\n")
    found = process.failure(console, begin=0, code=1, what="Training")
    assert f"pip install 'tcmbench[{extra}]'" in str(found)


def test_the_cost_of_a_part_is_kept_however_it_ends(tmp_path: Path) -> None:
    """While it runs and after a failure, the file holds all parts so far: seconds added, the highest memory."""
    costs.keep(tmp_path, before=costs.so_far(tmp_path), part=process.Finished(100.0, 0.1))
    before = costs.so_far(tmp_path)
    seen: list[process.Finished] = []
    is_seen = tmp_path / "is seen"

    def sample(part: process.Finished) -> None:
        costs.keep(tmp_path, before=before, part=part)
        seen.append(costs.so_far(tmp_path))
        # the first look may come before the process has loaded anything
        if seen[-1].peak_memory_mib > 0.1:
            is_seen.touch()

    begin = time.monotonic()
    with pytest.raises(TrainingError):
        run(f"{waits_for(is_seen)}raise ValueError('x')", tmp_path, sample=sample)
    assert len(seen) > 1
    assert seen == sorted(seen)
    assert 100 < costs.so_far(tmp_path).seconds <= 100 + time.monotonic() - begin


def test_an_error_of_ours_keeps_its_kind(tmp_path: Path) -> None:
    """What a check inside the process raised arrives as the same error."""
    code = "from tcmbench.errors import ParityError\nraise ParityError('tokens differ')"
    with pytest.raises(ParityError, match="Training was stopped: tokens differ"):
        run(code, tmp_path)


def test_explains_only_this_run(tmp_path: Path) -> None:
    """Output that an earlier run left in the file is not taken for this one's."""
    (tmp_path / "console.log").write_text("RuntimeError: CUDA out of memory\n")
    with pytest.raises(TrainingError, match="ValueError: new"):
        run("raise ValueError('new')", tmp_path)


def test_an_interrupt_ends_the_whole_group(tmp_path: Path) -> None:
    """When the harness stops waiting, the process and what it started are gone."""
    child = tmp_path / "child"
    code = (
        "import subprocess, sys, pathlib, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(child)!r}).write_text(str(p.pid))\n"
        "time.sleep(600)"
    )

    def interrupt() -> None:
        if child.is_file() and child.read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(code, tmp_path, watch=interrupt)
    assert is_gone(int(child.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's parent-death signal")
def test_a_killed_harness_takes_its_training_along(tmp_path: Path) -> None:
    """After SIGKILL of the harness nothing goes on training."""
    mark = tmp_path / "pid"
    inner = f"import os, pathlib, time; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); time.sleep(600)"
    outer = (
        "import os, sys, pathlib\nfrom tcmbench.trainers._runtime import process\n"
        f"process.run([sys.executable, '-c', {inner!r}], environment=dict(os.environ),"
        f" console=pathlib.Path({str(tmp_path / 'log')!r}), what='x')"
    )
    harness = subprocess.Popen([sys.executable, "-c", outer])
    while not (mark.is_file() and mark.read_text()):
        time.sleep(0.05)
        assert harness.poll() is None
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    assert is_gone(int(mark.read_text()))


def test_failure_is_an_error_users_can_mend() -> None:
    """The command line prints it without a traceback."""
    assert issubclass(TrainingError, TcmbenchError)
