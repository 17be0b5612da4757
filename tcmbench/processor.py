"""The processor: the cores that this process may use, how its threads wait, and what it computes in hardware."""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path

logger = logging.getLogger(__name__)

THREADS = "OMP_NUM_THREADS"
"""Variable that sets the number of threads of torch, OpenBLAS and MKL."""

WAITING = "OMP_WAIT_POLICY"
"""Variable that sets how a thread waits for others: `passive` sleeps, `active`, the default of OpenMP, spins on a core.
OpenMP reads it once, when torch is imported."""

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")


def cores() -> int:
    """Return how many cores this process may use: those of its affinity, within the quota of its container.

    torch's own number of threads ignores the quota: with `--cpus 2` on a machine of 64 cores it starts as many threads
    as the machine has cores.
    """
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota()
    return own if quota is None else max(1, min(own, math.ceil(quota)))


def threads_set() -> int | None:
    """Return the number of threads that the user sets; None where they don't."""
    value = os.environ.get(THREADS, "")
    return int(value) if value.isdigit() and int(value) else None


def share(processes: int) -> int:
    """Return the threads of each of so many processes: its share of the cores, or fewer where the user sets fewer."""
    most = max(1, cores() // processes)
    return min(most, threads_set() or most)


def sleep_while_waiting() -> None:
    """Make threads that wait sleep, unless the user sets it; without effect once torch is imported."""
    os.environ.setdefault(WAITING, "passive")


def limit_threads() -> None:
    """Let torch use no more threads than there are cores for; a number that the user sets stays."""
    import torch

    if threads_set() is None and torch.get_num_threads() > cores():
        torch.set_num_threads(cores())


def computes_bfloat16() -> bool:
    """Return whether it has instructions for bfloat16 (AVX512-BF16 or AMX); others emulate it."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def multiplies_bytes() -> bool:
    """Return whether it has instructions that multiply bytes and add the products in 32 bits (AVX512-VNNI).

    Engines compute int8 in another way without them: with sums of 16 bits, which may overflow, or in float32.
    """
    import torch

    return bool(torch.cpu._is_vnni_supported())


def warn_of_emulation(dtype: str, *, where: str) -> None:
    """Log a warning where numbers in half precision are emulated, which is slower than float32.

    Args:
        dtype: Precision of a computation on the processor.
        where: What computes, for the message.
    """
    if dtype == "float16" or (dtype == "bfloat16" and not computes_bfloat16()):
        logger.warning(
            '%s: %s on a processor without instructions for it is slower than float32. Set dtype = "float32", or use a '
            "machine with them (tcmbench doctor).",
            where,
            dtype,
        )


def _quota() -> float | None:
    """Return the cores of the smallest quota of the process's control groups; None without any."""
    quotas = [*_second_version(), *_first_version()]
    return min(quotas, default=None)


def _second_version() -> list[float]:
    try:
        lines = _OWN_GROUP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")
    inner = _GROUPS / own.lstrip("/")
    groups = [group for group in (inner, *inner.parents) if group.is_relative_to(_GROUPS)]
    return [quota for group in groups if (quota := _ratio(_words(group / "cpu.max"))) is not None]


def _first_version() -> list[float]:
    folder = _GROUPS / "cpu"
    quota = _ratio([*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us")])
    return [] if quota is None else [quota]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except OSError:
        return []


def _ratio(words: list[str]) -> float | None:
    """Return quota by period, in cores; None for `max`, -1 or a file that isn't there."""
    if len(words) != 2 or not all(word.isdigit() for word in words) or not int(words[1]):
        return None
    return int(words[0]) / int(words[1]) or None
