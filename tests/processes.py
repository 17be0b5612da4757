"""Processes of tests: they wait for a sign instead of a time, so that load changes no result."""

from __future__ import annotations

import time
from pathlib import Path

_PAUSE = 0.05
_LONGEST = 600.0
"""Seconds after which a sign will never come."""


def waits_for(mark: Path) -> str:
    """Return Python code that waits until a file exists."""
    return (
        "import pathlib, time\n"
        f"for _ in range({round(_LONGEST / _PAUSE)}):\n"
        f"  if pathlib.Path({str(mark)!r}).exists(): break\n"
        f"  time.sleep({_PAUSE})\n"
    )


def is_gone(pid: int) -> bool:
    """Return whether a process ends, within half the time that those of tests sleep; a zombie has ended."""
    for _ in range(round(_LONGEST / 2 / _PAUSE)):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(_PAUSE)
    return False
