"""Costs of a function: processor time, wall time, peak of resident memory; optionally in its own process."""

from __future__ import annotations

import multiprocessing
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_STATUS = Path("/proc/self/status")


class Cost(NamedTuple):
    """Costs of a function."""

    cpu: float
    """Processor seconds of this process and its threads."""

    wall: float

    mib: float
    """Peak of resident memory above what was resident at the start."""

    before: float
    """MiB resident at the start."""


def of(work: Callable[[], T]) -> tuple[T, Cost]:
    """Return the result and the costs of a function."""
    before = peak_mib(reset=True)
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    cost = (time.process_time() - cpu, time.perf_counter() - wall)
    return found, Cost(*cost, max(peak_mib() - before, 0.0), before)


def apart(function: Callable[..., T], *arguments: object) -> T:
    """Return the result of a module's function in a new process, without this one's memory and caches."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def peak_mib(*, reset: bool = False) -> float:
    """Return the peak of resident memory so far; `reset` restarts it at the current size (Linux only)."""
    if not _STATUS.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    line = next(line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
