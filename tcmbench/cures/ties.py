"""TIES: what several trainings changed, without small changes and without those whose sign the others contradict.

Yadav et al. 2023 (arXiv:2306.01708). Per tensor and model, the `density` largest changes are kept (trim); each value
takes the sign of the weighted sum (elect); the changes of that sign are averaged, and added to the base times `scale`:

    outcome = base + scale * elected mean(trimmed(tuned_i - base))

Of one model it keeps the largest changes only. The source trims over all weights of a model at once; here, as in
mergekit, each tensor is trimmed by itself, so that no model is in memory as a whole. Ties at the threshold are kept.
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
    """Kept changes and their scale."""

    density: float = Field(default=0.2, gt=0, le=1)
    """Share of each tensor's changes that are kept, largest first."""

    scale: float = Field(default=1.0, ge=0, le=10)
    """Factor of the merged change; 0 is the base."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return no changes.

    Raises:
        SpecError: Another number of weights than of models.
    """
    options.shares(count, cure="ties")
    return {}


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the model with the elected changes."""
    from tcmbench.cures.weights import formulas
    from tcmbench.cures.weights.combine import combine
    from tcmbench.cures.weights.whole_tensors import thresholds

    weights = options.shares(len(work.tuned), cure="ties")

    def combination(tensor: PairedTensor) -> Callable[[TensorPart], torch.Tensor]:
        limits = thresholds(tensor, options.density)

        def values(part: TensorPart) -> torch.Tensor:
            changes = [
                formulas.trimmed(tuned - part.base, limit) for tuned, limit in zip(part.tuned, limits, strict=True)
            ]
            return part.base + options.scale * formulas.elected(changes, weights)

        return values

    combine(work, out, combination)
    return {}
