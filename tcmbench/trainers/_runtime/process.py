"""A training process: in its own process group, monitored, and always ended with this one."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import disk, faults
from tcmbench.errors import ParityError, SpecError, StorageError, TcmbenchError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_POLL_SECONDS = 0.5
_PAUSE_PER_LOOK = 20
"""A look at memory is followed by so many times its duration without one: it halts the processes that it looks at."""

_GRACE_SECONDS = 10.0
_TAIL_BYTES = 65_536
_MIB = 1024 * 1024

_MEMORY_WORDS = ("out of memory", "outofmemory", "cannot allocate memory", "memoryerror", "can't allocate")

_PACKAGES = {"swift": "ms-swift"}
_EXTRAS = {"deepspeed": "gpu"}
"""Module → extra of tcmbench that installs it; `train` for all others."""

LESS_MEMORY = (
    "Lower training.batch_size (raise training.accumulation to match), lower training.max_length, set "
    "training.gradient_checkpointing = true, or use tuner lora or qlora."
)
"""What to do when a training runs out of memory."""

_RANK = re.compile(r"^\[rank\d+\]:\s*")
"""Prefix of each line of a process's traceback in torch.distributed."""

_LAUNCHER_ERROR = "ChildFailedError"
"""Error of torchrun for any failure of its processes."""


class Finished(NamedTuple):
    """Costs of a process."""

    seconds: float

    peak_memory_mib: float
    """Peak memory of the process group, sampled at most twice a second. Each page counts once: forked helpers share
    nearly all of theirs with their parent."""


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    console: Path,
    what: str,
    watch: Callable[[], None] = lambda: None,
    sample: Callable[[Finished], None] = lambda _: None,
    on_memory: str = LESS_MEMORY,
) -> Finished:
    """Run a command to its end; its output is appended to `console`.

    Args:
        command: Program and arguments.
        environment: All of its environment.
        console: File for its output, both streams.
        what: Name of the work in messages.
        watch: Called twice a second while it runs, and once after.
        sample: Called as often with the costs so far, and once at its end, however it ends.
        on_memory: What to do when it runs out of memory.

    Raises:
        TrainingError: It failed; the message holds the error it ended with and what to do.
        StorageError: There was no room for what it writes.
    """
    with disk.writing(console):
        console.parent.mkdir(parents=True, exist_ok=True)
        opened = console.open("ab")
    start, peak, next_look = time.monotonic(), 0.0, 0.0
    with opened as output:
        begin = output.tell()
        process = subprocess.Popen(
            leashed(command),
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                if (now := time.monotonic()) >= next_look:
                    peak = max(peak, _memory_mib(process.pid))
                    next_look = now + _PAUSE_PER_LOOK * (time.monotonic() - now)
                watch()
                sample(Finished(time.monotonic() - start, peak))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_SECONDS)
            watch()
        finally:
            end_group(process)
            sample(Finished(time.monotonic() - start, peak))
    if process.returncode != 0:
        raise failure(console, begin=begin, code=process.returncode, what=what, on_memory=on_memory)
    return Finished(seconds=time.monotonic() - start, peak_memory_mib=peak)


def leashed(command: Sequence[str]) -> list[str]:
    """Return the command, started so that it ends when this process does, even by SIGKILL."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", str(Path(__file__).with_name("leash.py")), str(os.getpid()), *command]


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process's group: with SIGTERM, then with SIGKILL."""
    for sign, patience in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, _GRACE_SECONDS)):
        try:
            os.killpg(process.pid, sign)
        except (ProcessLookupError, PermissionError):
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    process.wait()


def failure(console: Path, *, begin: int, code: int, what: str, on_memory: str = LESS_MEMORY) -> TcmbenchError:
    """Return the error that explains why a process failed, from its exit code and the end of its output."""
    tail = _tail(console, begin=begin)
    lowered = tail.lower()
    last = last_error(tail)
    if own := _own_error(last, console=console, what=what):
        return own
    if any(words in lowered for words in faults.NO_ROOM):
        return StorageError(
            f"{what} failed: no free space to write; {disk.room(console)}. Free some, or choose another folder for the "
            f"store ($TCMBENCH_CACHE); then run the same command again{_onwards(console)}: {last}"
        )
    if any(word in lowered for word in _MEMORY_WORDS):
        advice = f"It ran out of memory. {on_memory}"
    elif code in {-signal.SIGKILL, 128 + signal.SIGKILL} or "(SIGKILL) received" in last:
        advice = (
            "It was killed from outside (SIGKILL): most often the system ran out of memory. Run the same command again"
            f"{_onwards(console)}. If it dies again: {on_memory}"
        )
    elif code < 0:
        name = signal.Signals(-code).name
        advice = f"It was ended by {name}. Run the same command again{_onwards(console)}."
    elif "MaxLengthError" in last:
        advice = "Texts are longer than training.max_length. Raise it, or build the training set again with it."
    elif missing := _missing_package(last):
        package, extra = missing
        advice = f"{package} is not installed. Run: pip install 'tcmbench[{extra}]'"
    else:
        advice = f"Fix that and run the same command again{_onwards(console)}."
    return TrainingError(f"{what} failed (exit code {code}): {last}\n{advice} All of its output: {console}")


def _onwards(console: Path) -> str:
    """Return where the same command goes on; nothing before the first checkpoint, when it begins anew."""
    has_one = any((console.parent / "run").glob("checkpoint-*"))
    return " to go on from the last checkpoint" if has_one else ""


def last_error(text: str) -> str:
    """Return the line of an output with the error: the last exception, or the last line.

    torchrun ends with its own error and a report of the process that ended first, and of its signal if there was one;
    the output of that process comes before.
    """
    lines = [_RANK.sub("", line.strip()) for line in text.replace("\r", "\n").splitlines() if line.strip()]
    reported = next((line for line in reversed(lines) if line.startswith("traceback :")), "")
    if "Signal" in reported:
        return reported.partition(":")[2].strip()
    for line in reversed(lines):
        head = line.partition(":")[0]
        if head.endswith(("Error", "Exception", "Interrupt")) and " " not in head and _LAUNCHER_ERROR not in head:
            return line
    return lines[-1] if lines else "no output"


def _own_error(line: str, *, console: Path, what: str) -> TcmbenchError | None:
    """Return the tcmbench error that ended a worker, as the same class; None for other errors."""
    head, _, message = line.partition(": ")
    kinds = {f"{kind.__module__}.{kind.__name__}": kind for kind in (TrainingError, ParityError, SpecError)}
    kind = kinds.get(head)
    if kind is None:
        return None
    text = f"{what} was stopped: {message} All of its output: {console}"
    return kind(text)


class _Missing(NamedTuple):
    package: str

    extra: str


def _missing_package(line: str) -> _Missing | None:
    if "No module named" not in line:
        return None
    module = line.rpartition("No module named")[2].strip(" '\"").partition(".")[0]
    return _Missing(_PACKAGES.get(module, module), _EXTRAS.get(module, "train"))


def _tail(console: Path, *, begin: int) -> str:
    with console.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(begin, size - _TAIL_BYTES))
        return file.read().decode("utf-8", errors="replace")


def _memory_mib(pid: int) -> float:
    import psutil

    total = 0
    with contextlib.suppress(psutil.Error):
        main = psutil.Process(pid)
        children = main.children(recursive=True)
        for process in (main, *children):
            with contextlib.suppress(psutil.Error):
                # One process shares no page, and its share costs a walk over all of its pages that halts it meanwhile.
                shared = _share_bytes(process.pid) if children else None
                total += shared or process.memory_info().rss
    return total / _MIB


def _share_bytes(pid: int) -> int | None:
    """Return a process's proportional set size: pages of several processes are divided among them; None without one."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return None
    share = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(share.group(1)) * 1024 if share else None
