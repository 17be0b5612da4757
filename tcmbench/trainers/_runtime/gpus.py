"""The GPUs of a training: as many as its recipe says, the first of those that are visible, and no other.

Left to itself a training takes all of a machine. sentence-transformers then deals each batch out to them, and the
batches are no longer those that the training set was built for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from tcmbench.trainers import TrainingJob

VARIABLE = "CUDA_VISIBLE_DEVICES"

_DEVICE_FILES = Path("/dev")


def visible() -> tuple[str, ...]:
    """Return the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them, without importing torch.

    As CUDA does, the list ends at the first name that is no GPU's. Where the variable isn't set, they are numbered from
    0, whatever the numbers of their device files: a container that is given the fourth GPU alone sees it as its first.
    """
    count = sum(file.name.removeprefix("nvidia").isdigit() for file in _DEVICE_FILES.glob("nvidia[0-9]*"))
    listed = os.environ.get(VARIABLE)
    if listed is None or not count:
        return tuple(map(str, range(count)))
    found: list[str] = []
    for name in map(str.strip, listed.split(",")):
        is_one = int(name) < count if name.isdigit() else name.startswith(("GPU-", "MIG-"))
        if not is_one:
            break
        found.append(name)
    return tuple(found)


def device(job: TrainingJob) -> str:
    """Return where the job is trained: cuda or cpu."""
    return job.device or ("cuda" if visible() else "cpu")


def environment(job: TrainingJob) -> dict[str, str]:
    """Return the variable that shows the training its GPUs; nothing on a CPU."""
    return {} if device(job) == "cpu" else {VARIABLE: ",".join(visible()[: job.requirements.devices])}


def refuse_too_few(job: TrainingJob) -> None:
    """Refuse a training on more GPUs than there are; on a CPU nothing is counted.

    Raises:
        SpecError: Fewer GPUs are visible than the recipe asks for.
    """
    wanted, found = job.requirements.devices, visible()
    if device(job) == "cpu" or len(found) >= wanted:
        return
    told = f" ({VARIABLE}={os.environ[VARIABLE]})" if VARIABLE in os.environ else ""
    raise SpecError(
        f"variant {job.variant.name}: training.options.devices = {wanted}, but {len(found)} "
        f"GPU{'s are' if len(found) != 1 else ' is'} visible{told}. Make more visible, or lower devices and raise "
        "training.accumulation to match."
    )
