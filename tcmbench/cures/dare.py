"""DARE: most of what a training changed is dropped at random, and the rest is scaled up to the same expectation.

Yu et al. 2023 (arXiv:2311.03099), with the changes added as in task arithmetic. Which values are dropped depends on
the seed, the tensor and the place of the model in `of`:

    outcome = base + scale * sum(weight_i * keep_i * (tuned_i - base)) / (1 - rate),  keep_i = 0 with probability `rate`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tcmbench.cures.weights.options import WeightedOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import torch

    from tcmbench.cures import CureWork
    from tcmbench.cures.weights.combine import TensorPart
    from tcmbench.cures.weights.pairing import PairedTensor
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
READS_DATA = False
LOADS_MODEL = False


class Options(WeightedOptions):
    """Dropped share and scale."""

    rate: float = Field(default=0.5, ge=0, lt=1)
    """Probability that a changed value is dropped."""

    scale: float = Field(default=1.0, ge=0, le=10)
    """Factor of the changes; 0 is the base."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return no changes.

    Raises:
        SpecError: Another number of weights than of models.
    """
    options.shares(count, cure="dare")
    return {}


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the model with the changes that are left."""
    from tcmbench.cures.weights import formulas
    from tcmbench.cures.weights.combine import combine
    from tcmbench.cures.weights.whole_tensors import generators

    weights = options.shares(len(work.tuned), cure="dare")

    def combination(tensor: PairedTensor) -> Callable[[TensorPart], torch.Tensor]:
        drawing = generators(tensor, work.seed)

        def values(part: TensorPart) -> torch.Tensor:
            total = part.base.clone()
            for tuned, weight, generator in zip(part.tuned, weights, drawing, strict=True):
                change = formulas.dropped(tuned - part.base, rate=options.rate, generator=generator)
                total += (options.scale * weight) * change
            return total

        return values

    combine(work, out, combination)
    return {}
