"""The GPUs of a training: the number in its recipe, of those that are visible the first.

By default a training uses all GPUs of a machine. sentence-transformers then splits each batch between them, so that
batches are not those that the training set was built for.
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

    As in CUDA, the list ends at the first name that is not a GPU. Where the variable isn't set, GPUs are numbered from
    0, whatever the numbers of their device files: a container with only the fourth GPU sees it as its first.
    """
    count = sum(file.name.removeprefix("nvidia").isdigit() for file in _DEVICE_FILES.glob("nvidia[0-9]*"))
    listed = os.environ.get(VARIABLE)
    if listed is None or not count:
        return tuple(map(str, range(count)))
    names: list[str] = []
    for name in map(str.strip, listed.split(",")):
        is_one = int(name) < count if name.isdigit() else name.startswith(("GPU-", "MIG-"))
        if not is_one:
            break
        names.append(name)
    return tuple(names)


def device(job: TrainingJob) -> str:
    """Return the device of the job: cuda or cpu."""
    return job.device or ("cuda" if visible() else "cpu")


def environment(job: TrainingJob) -> dict[str, str]:
    """Return the variable with the GPUs of the training; nothing on a CPU."""
    return {} if device(job) == "cpu" else {VARIABLE: ",".join(visible()[: job.requirements.devices])}


def refuse_too_few(job: TrainingJob) -> None:
    """Refuse a training on more GPUs than are visible; not checked on a CPU.

    Raises:
        SpecError: Fewer GPUs are visible than the recipe needs.
    """
    wanted, available = job.requirements.devices, visible()
    if device(job) == "cpu" or len(available) >= wanted:
        return
    setting = f" ({VARIABLE}={os.environ[VARIABLE]})" if VARIABLE in os.environ else ""
    plural = "s are" if len(available) != 1 else " is"
    raise SpecError(
        f"variant {job.variant.name}: training.options.devices = {wanted}, but {len(available)} "
        f"GPU{plural} visible{setting}. Make more visible, or lower devices and raise "
        "training.accumulation to match."
    )
