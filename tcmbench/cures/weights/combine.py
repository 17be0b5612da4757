"""Writing a model whose weights are a combination of those of others, with the other files of the first tuned one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tcmbench.cures.weights.pairing import paired
from tcmbench.cures.weights.tensors import files_of, parts, qualified
from tcmbench.errors import SpecError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from tcmbench.cures import CureWork
    from tcmbench.cures.weights.pairing import PairedTensor

PART = 1 << 22
"""Values that are in memory at once, of each model."""


@dataclass(frozen=True, slots=True)
class TensorPart:
    """A range of a flattened tensor of all models, in float32 (float64 where the tuned model is)."""

    base: torch.Tensor
    """(values,) of the base."""

    tuned: tuple[torch.Tensor, ...]
    """(values,) of each tuned model."""


class Combination(Protocol):
    """How a tensor is combined."""

    def __call__(self, tensor: PairedTensor) -> Callable[[TensorPart], torch.Tensor]:
        """Return the function of the tensor's parts, which are passed in order.

        What needs all of a tensor, such as a norm, is computed here, from `read_parts`.
        """
        ...


def combine(work: CureWork, out: Path, method: Combination) -> None:
    """Write the combined model.

    The files of weights have the headers of the tuned model's, so equal values give equal files.

    Raises:
        SpecError: The models' tensors don't fit one another.
        TrainingError: A value that isn't finite.
    """
    tensors = paired(work)
    tuned = work.tuned[0].model_dir
    if tuned is None:
        raise SpecError(f"{work.name}: {work.tuned[0].name} has no folder of weights")
    shutil.copytree(tuned, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
    for file, content in files_of(tuned).items():
        with (out / file).open("wb") as target:
            target.write(content.header)
            for name in content.tensors:
                tensor = tensors[qualified(file, name)]
                step = method(tensor) if tensor.target.is_float else None
                for start, stop in parts(tensor.target.size, PART):
                    values = (
                        _equal(work, tensor, start, stop)
                        if step is None
                        else _combined(work, tensor, start, stop, step)
                    )
                    target.write(values.contiguous().view(_bytes()).numpy().tobytes())


def read_parts(tensor: PairedTensor, start: int, stop: int) -> TensorPart:
    """Return a range of a tensor of all models, in the precision that is computed in."""
    import torch

    kind = torch.promote_types(tensor.target.read(0, 0).dtype, torch.float32)
    return TensorPart(
        tensor.base.read(start, stop).to(kind), tuple(each.read(start, stop).to(kind) for each in tensor.tuned)
    )


def _combined(
    work: CureWork, tensor: PairedTensor, start: int, stop: int, step: Callable[[TensorPart], torch.Tensor]
) -> torch.Tensor:
    """Return a range of the outcome, in the precision of the tuned model.

    Raises:
        TrainingError: A value isn't finite.
    """
    values = step(read_parts(tensor, start, stop)).to(tensor.target.read(0, 0).dtype)
    if not bool(values.isfinite().all()):
        raise TrainingError(
            f"{work.name}: tensor {tensor.name!r} has values that aren't finite in {tensor.target.dtype}. Use a "
            "smaller scale, or look for such values in the tuned model."
        )
    return values


def _equal(work: CureWork, tensor: PairedTensor, start: int, stop: int) -> torch.Tensor:
    """Return a range of integers, which have no mean and have to be equal in all models.

    Raises:
        SpecError: They differ.
    """
    own = tensor.target.read(start, stop)
    for other in (tensor.base, *tensor.tuned[1:]):
        if not bool((other.read(start, stop) == own).all()):
            raise SpecError(
                f"{work.name}: tensor {tensor.name!r} of integers ({tensor.target.dtype}) differs between the models, "
                "and integers have no mean. Store the models with weights in floating point."
            )
    return own


def _bytes() -> torch.dtype:
    import torch

    return torch.uint8
