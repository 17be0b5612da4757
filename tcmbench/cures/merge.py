"""Linear interpolation between the base and a tuned model, or the mean of several.

Fine-tuned weights and those of their start lie in one basin of the loss, so models between them work, and often better
than either: they keep most of what was learned and of what was known. One tuned model with `alpha` below 1 is WiSE-FT
(Wortsman et al. 2022, arXiv:2109.01903); several with `alpha = 1` are a model soup (Wortsman et al. 2022,
arXiv:2203.05482); several with `alpha` below 1 are LM-Cocktail with given weights (Xiao et al. 2023, arXiv:2311.13534):

    outcome = (1 - alpha) * base + alpha * sum(weight_i * tuned_i) / sum(weight_i)

Of a merged LoRA adapter it is the model with the adapter scaled by `alpha`, since the tuned weights are
base + (lora_alpha / rank) B A.
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
    """Share of the tuned models."""

    alpha: float = Field(default=0.5, ge=0, le=1)
    """Share of the tuned models; 0 is the base, 1 the tuned model."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return no changes.

    Raises:
        SpecError: Another number of weights than of models.
    """
    options.shares(count, cure="merge")
    return {}


def averaged(trainings: float, *, options: Options) -> float:
    """Return what the mean of so many trainings is worth: all of them, or with weights (Σ wᵢ)² / Σ wᵢ²."""
    given = options.weights
    return sum(given) ** 2 / sum(weight**2 for weight in given) if given else trainings


def share(*, is_together: bool, options: Options) -> float:
    """Return the share of the tuned weights."""
    del is_together
    return options.alpha


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the interpolated model."""
    from tcmbench.cures.weights import formulas
    from tcmbench.cures.weights.combine import combine

    given = options.shares(len(work.tuned), cure="merge")
    weights = tuple(weight / sum(given) for weight in given)

    def combination(_: PairedTensor) -> Callable[[TensorPart], torch.Tensor]:
        return lambda part: formulas.interpolated(part.base, formulas.mean(part.tuned, weights), options.alpha)

    combine(work, out, combination)
    return {}
