"""The longest input of a training, and what its base can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import SpecError
from tcmbench.models import folder

if TYPE_CHECKING:
    from tcmbench.trainers import TrainingJob


def refuse_too_long(job: TrainingJob) -> None:
    """Refuse inputs of more tokens than the base's network has positions: the first long text would end the training.

    Raises:
        SpecError: The recipe's `max_length` is larger than their number.
    """
    positions = folder.positions(job.base_dir)
    longest = job.variant.longest_input
    if positions is not None and isinstance(positions.value, int) and longest > positions.value:
        raise SpecError(
            f"variant {job.variant.name}: max_length = {longest}, but base {job.base.name} has {positions.value} "
            f"positions ({positions.source}). Set max_length = {positions.value} or less."
        )
