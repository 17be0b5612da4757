"""What so many items can show: chances of passing a margin or seeing a loss, and the smallest loss surely seen.

Normal approximation for paired means: Chow, Shao, Wang and Lokhnygina, "Sample Size Calculations in Clinical Research"
(2018), §3.1 and §3.2 (non-inferiority). `by_simulation` checks it on the differences that were measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.errors import EvaluationError
from tcmbench.stats import inputs
from tcmbench.stats.resampling import Resampling, count_blocks

if TYPE_CHECKING:
    import numpy.typing as npt

_DEFAULT = Resampling(n_resamples=2_000)


@dataclass(frozen=True, slots=True)
class Design:
    """A comparison that is planned or was made."""

    deviation: float
    """Standard deviation of the paired differences, in points."""

    items: int
    """Independent items (clusters, where they are few)."""

    alpha: float = 0.05
    """Two-sided level; one-sided bounds hold at 1 − alpha / 2."""

    def __post_init__(self) -> None:
        if not (self.deviation >= 0 and self.items >= 2 and 0 < self.alpha < 1):
            raise EvaluationError(
                f"power needs a deviation ≥ 0, at least two items and 0 < alpha < 1, got {self.deviation}, "
                f"{self.items}, {self.alpha}"
            )

    @property
    def standard_error(self) -> float:
        """Standard error of the mean difference: deviation / √items."""
        return self.deviation / math.sqrt(self.items)


def to_pass(design: Design, *, delta: float, margin: float) -> float:
    """Return the chance that the lower bound lies above −margin when the true difference is `delta`.

    Φ((delta + margin) / se − z₁₋α/₂). At delta = −margin it is α / 2: how often a variant at the margin slips through.
    """
    return _above(delta + margin, design)


def to_see(design: Design, *, delta: float) -> float:
    """Return the chance that the interval excludes zero on the side of `delta`: Φ(|delta| / se − z₁₋α/₂)."""
    return _above(abs(delta), design)


def smallest_seen(design: Design, *, power: float = 0.8) -> float:
    """Return the difference that is seen with the chance `power`: (z₁₋α/₂ + z_power) × se."""
    from scipy.stats import norm

    if not 0 < power < 1:
        raise EvaluationError(f"power lies between 0 and 1, got {power}")
    return float((norm.ppf(1 - design.alpha / 2) + norm.ppf(power)) * design.standard_error)


def by_simulation(
    deltas: npt.ArrayLike, *, delta: float, margin: float, alpha: float = 0.05, plan: Resampling = _DEFAULT
) -> float:
    """Return the share of simulated comparisons whose lower bound lies above −margin.

    Each draws as many of the measured differences with replacement, moved so that their mean is `delta`, and takes the
    bound mean − z × deviation / √items.
    """
    from scipy.stats import norm

    measured = inputs.row(deltas, what="differences")
    groups = inputs.clusters(None, items=len(measured))
    moved = measured - measured.mean() + delta
    both = np.stack([moved, moved**2], axis=1)
    means = np.concatenate([counts @ both for counts in count_blocks(groups.number, plan)]) / len(moved)
    variance = np.maximum(means[:, 1] - means[:, 0] ** 2, 0.0) * len(moved) / (len(moved) - 1)
    bound = means[:, 0] - norm.ppf(1 - alpha / 2) * np.sqrt(variance / len(moved))
    return float((bound >= -margin).mean())


def _above(distance: float, design: Design) -> float:
    from scipy.stats import norm

    if design.standard_error == 0:
        return float(distance >= 0)
    return float(norm.cdf(distance / design.standard_error - norm.ppf(1 - design.alpha / 2)))
