"""Time and memory of a training over all its parts, in a file that is updated while it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcmbench.store import write_json
from tcmbench.trainers._runtime.process import Finished

if TYPE_CHECKING:
    from pathlib import Path

NAME = "seconds.json"
"""Name of the file in the folder of a training."""


def so_far(work_dir: Path) -> Finished:
    """Return the total seconds of all parts and their peak memory; zeros before the first."""
    path = work_dir / NAME
    if not path.is_file():
        return Finished(seconds=0.0, peak_memory_mib=0.0)
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Finished(seconds=float(kept["seconds"]), peak_memory_mib=float(kept["peak_memory_mib"]))


def keep(work_dir: Path, *, before: Finished, part: Finished) -> None:
    """Write the costs of `before` and the current part together."""
    peak = max(before.peak_memory_mib, part.peak_memory_mib)
    write_json(work_dir / NAME, {"seconds": before.seconds + part.seconds, "peak_memory_mib": peak})
