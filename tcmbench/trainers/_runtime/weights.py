"""The files of a model's weights: whether they are there, and the shapes in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from pathlib import Path

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


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return name → shape of the tensors in a safetensors file, without loading them."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        # safetensors' handle is not a mapping
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
