"""Check of the weights that a training starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from tcmbench.trainers import TrainingJob


def refuse_absent(job: TrainingJob, *, pattern: str = "*.safetensors") -> None:
    """Refuse a training whose base has no weights on this machine.

    Args:
        job: The training.
        pattern: Where in the base's folder the trainer looks for them.

    Raises:
        ModelAbsent: Nothing fits the pattern.
    """
    if not any(job.base_dir.glob(pattern)):
        raise ModelAbsent(
            f"variant {job.variant.name}: expected the weights of base {job.base.name} (*.safetensors) in "
            f"{job.base_dir}. Put them there, or download them where there is a network and copy the folder."
        )
