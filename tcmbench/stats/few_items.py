"""Wider draws where items are few: a percentile interval is that of a normal quantile and of the variance over n.

Hesterberg, "What Teachers Should Know About the Bootstrap" (The American Statistician 69, 2015), §4.3: the expanded
percentile interval has quantiles of Student's t and √(n / (n − 1)). Its degrees of freedom are n − 1 where differences
are normal. Where few items differ, the variance rests on those few: for any distribution the variance of n values has
2 n / (κ − 1) degrees of freedom in Satterthwaite's sense (Biometrics Bulletin 2, 1946), κ their kurtosis (3: normal),
because Var(s²) = σ⁴ (κ − 1) / n for large n.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.stats.inputs import FloatArray

_GRID = np.linspace(0.0, 8.0, 81)
_DIGITS = 4


class Spread(NamedTuple):
    """What is known of the variance of a figure over its items."""

    variance: float
    """Variance of the figure, to weigh tasks of a mean; only their ratios matter."""

    freedom: float
    """Degrees of freedom of that variance."""

    inflation: float
    """Factor on the variance: n / (n − 1) of n clusters."""


def of_parts(parts: FloatArray) -> Spread:
    """Return the spread of a mean: 2 n / (κ − 1) degrees of freedom, at most n − 1.

    Args:
        parts: What each of n clusters adds to the figure, less what it would at the mean.
    """
    clusters = len(parts)
    squares = np.square(parts)
    second = float(squares.sum())
    inflation = clusters / (clusters - 1)
    if second == 0:
        return Spread(0.0, clusters - 1.0, inflation)
    kurtosis = clusters * float(np.square(squares).sum()) / second**2
    freedom = clusters - 1.0 if kurtosis <= 1 else min(clusters - 1.0, 2 * clusters / (kurtosis - 1))
    return Spread(second, freedom, inflation)


def of_draws(draws: FloatArray, *, clusters: int) -> Spread:
    """Return the spread of a statistic that is no mean: n − 1 degrees of freedom."""
    variance = float(np.nanvar(draws)) if np.isfinite(draws).any() else 0.0
    return Spread(variance, max(clusters - 1.0, 1.0), clusters / (clusters - 1) if clusters > 1 else 1.0)


def of_sum(spreads: Sequence[Spread]) -> Spread:
    """Return the spread of a sum of independent figures: Satterthwaite's degrees of freedom."""
    total = sum(one.variance for one in spreads)
    if len(spreads) == 1 or total == 0:
        return spreads[0]
    below = sum(one.variance**2 / one.freedom for one in spreads)
    inflated = sum(one.variance * one.inflation for one in spreads)
    return Spread(total, total**2 / below, inflated / total)


def widened(draws: FloatArray, *, around: float, spread: Spread) -> FloatArray:
    """Return draws whose quantiles are those of Student's t where the given ones are normal.

    A draw that lies z standard deviations from the figure moves to the quantile of t with the same tail. The order of
    the draws stays, so that intervals of any level and one-sided p values agree.

    Args:
        draws: One value per resample; NaN stays.
        around: The figure over all items.
        spread: Degrees of freedom and inflation of their variance.
    """
    from scipy.special import ndtr, stdtrit

    deviation = float(np.nanstd(draws)) if np.isfinite(draws).any() else 0.0
    if deviation == 0:
        return draws
    # Rounded, so that the last bit of a sum over items, which depends on the processor, does not reach the board.
    degrees = float(f"{spread.freedom:.{_DIGITS}g}")
    student = np.concatenate([[0.0], -stdtrit(degrees, ndtr(-_GRID[1:]))])
    distance = (draws - around) / deviation
    moved = np.interp(np.abs(distance), _GRID, student)
    return np.asarray(around + np.sqrt(spread.inflation) * deviation * np.copysign(moved, distance))
