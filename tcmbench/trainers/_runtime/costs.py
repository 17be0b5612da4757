"""Time and memory of a training over all its parts, in a file that is updated while it runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tcmbench.errors import DamagedArtefact
from tcmbench.store import read_checked, write_checked
from tcmbench.trainers._runtime.process import Finished

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

NAME = "seconds.json"
"""Name of the file in the folder of a training."""


def so_far(work_dir: Path) -> Finished:
    """Return the seconds of all parts together and the most memory of any; zeros before the first."""
    try:
        kept = read_checked(work_dir / NAME)
    except FileNotFoundError:
        return Finished(seconds=0.0, peak_memory_mib=0.0)
    except DamagedArtefact as error:
        logger.error("%s: %s. What the training has cost is counted from here.", error.path, error.what)
        return Finished(seconds=0.0, peak_memory_mib=0.0)
    return Finished(seconds=float(str(kept["seconds"])), peak_memory_mib=float(str(kept["peak_memory_mib"])))


def keep(work_dir: Path, *, before: Finished, part: Finished) -> None:
    """Write the costs of `before` and the current part together."""
    peak = max(before.peak_memory_mib, part.peak_memory_mib)
    write_checked(work_dir / NAME, {"seconds": before.seconds + part.seconds, "peak_memory_mib": peak})
