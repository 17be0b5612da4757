"""Linear interpolation between the base and a tuned model, or the mean of several.

Fine-tuned weights and those of their start lie in one basin of the loss, so models between them work, and often better
than either: they keep most of what was learned and of what was known. One tuned model with `alpha` below 1 is WiSE-FT
(Wortsman et al. 2022, arXiv:2109.01903); several with `alpha = 1` are a model soup (Wortsman et al. 2022,
arXiv:2203.05482); several with `alpha` below 1 are LM-Cocktail with given weights (Xiao et al. 2023, arXiv:2311.13534):

    outcome = (1 - alpha) * base + alpha * sum(weight_i * tuned_i)

Of a merged LoRA adapter it is the model with the adapter scaled by `alpha`, since the tuned weights are
base + (lora_alpha / rank) B A.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from tcmbench.errors import SpecError
from tcmbench.plugins import PluginOptions

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


class Options(PluginOptions):
    """Shares of the models."""

    alpha: float = Field(default=0.5, ge=0, le=1)
    """Share of the tuned models; 0 is the base, 1 the tuned model."""

    weights: tuple[float, ...] = ()
    """Share of each tuned model, which sum to 1; empty for equal ones."""

    @field_validator("weights")
    @classmethod
    def _sum_to_one(cls, given: tuple[float, ...]) -> tuple[float, ...]:
        if given and (min(given) < 0 or not math.isclose(sum(given), 1.0, abs_tol=1e-6)):
            raise ValueError(f"expected shares of at least 0 that sum to 1, got {list(given)}")
        return given


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return no changes.

    Raises:
        SpecError: Another number of weights than of models.
    """
    if options.weights and len(options.weights) != count:
        raise SpecError(f"cure merge: expected one weight per model, got {len(options.weights)} for {count} models")
    return {}


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the interpolated model."""
    from tcmbench.cures.weights.combine import combine

    weights = options.weights or (1 / len(work.tuned),) * len(work.tuned)

    def method(tensor: PairedTensor) -> Callable[[TensorPart], torch.Tensor]:
        return lambda part: interpolated(part.base, mean(part.tuned, weights), options.alpha)

    combine(work, out, method)
    return {}


def mean(tuned: tuple[torch.Tensor, ...], weights: tuple[float, ...]) -> torch.Tensor:
    """Return the weighted mean; of one model, exactly its values."""
    import torch

    if len(tuned) == 1:
        return tuned[0]
    total = torch.zeros_like(tuned[0])
    for values, weight in zip(tuned, weights, strict=True):
        total += weight * values
    return total


def interpolated(base: torch.Tensor, tuned: torch.Tensor, alpha: float) -> torch.Tensor:
    """Return (1 - alpha) * base + alpha * tuned; both ends exactly, which rounding would miss by a negative zero."""
    import torch

    if alpha in {0.0, 1.0}:
        return tuned if alpha else base
    return torch.lerp(base, tuned, alpha)
