"""The base plus the scaled sum of what each training changed (Ilharco et al. 2023, arXiv:2212.04089).

    outcome = base + scale * sum(weight_i * (tuned_i - base))

With one model and `scale` between 0 and 1 it is `merge` with that alpha; with several, `scale = 1` adds what all of
them learned instead of averaging it, and a scale above 1 extrapolates.
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
    """Scale of the changes."""

    scale: float = Field(default=1.0, ge=-10, le=10)
    """Factor of the sum of the changes; 0 is the base."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return no changes.

    Raises:
        SpecError: Another number of weights than of models.
    """
    options.shares(count, cure="task_arithmetic")
    return {}


def averaged(trainings: float, *, options: Options) -> float:
    """Return what the sum of so many changes is worth: its variance is scale² Σ wᵢ² of that of one training."""
    squares = options.scale**2 * (sum(weight**2 for weight in options.weights) or trainings)
    return 1 / squares if squares else trainings


def share(*, is_together: bool, options: Options) -> float | None:
    """Return the share of the tuned weights; None for a sum of several changes, or a weighted one."""
    return None if is_together or options.weights else options.scale


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the model with the sum of the changes."""
    from tcmbench.cures.weights import formulas
    from tcmbench.cures.weights.combine import combine

    weights = options.shares(len(work.tuned), cure="task_arithmetic", each=1.0)

    def combination(_: PairedTensor) -> Callable[[TensorPart], torch.Tensor]:
        return lambda part: formulas.moved(part.base, part.tuned, weights, options.scale)

    combine(work, out, combination)
    return {}
