"""A figure with its percentile interval.

The percentile interval is that of Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tcmbench.errors import EvaluationError

if TYPE_CHECKING:
    from tcmbench.stats.inputs import FloatArray

LEVEL = 0.95
_MOST_UNDEFINED = 0.01


class Interval(NamedTuple):
    """Ends of an interval; each end is also the one-sided bound at (1 + level) / 2."""

    low: float
    """Lower end."""

    high: float
    """Upper end."""

    level: float = LEVEL
    """Coverage: share of such intervals that contain the true value."""

    def holds(self, value: float) -> bool:
        """Return whether a value lies inside, ends included."""
        return self.low <= value <= self.high

    def within(self, margin: float) -> bool:
        """Return whether the whole interval lies in ±margin."""
        return -margin <= self.low and self.high <= margin


class Estimate(NamedTuple):
    """A figure with its interval."""

    value: float
    """The figure over all items, not the mean of resamples."""

    interval: Interval
    """Percentile bootstrap interval."""


def percentile(draws: FloatArray, *, level: float = LEVEL) -> Interval:
    """Return the interval between the quantiles (1 − level) / 2 and (1 + level) / 2 of one column of draws.

    Raises:
        EvaluationError: Level not inside (0, 1), no draws, or more than 1% of them undefined.
    """
    kept = defined(draws)
    tail = _tail(level)
    low, high = np.quantile(kept, [tail, 1 - tail])
    return Interval(float(low), float(high), level)


def defined(draws: FloatArray) -> FloatArray:
    """Return the draws in which the statistic exists (Spearman's doesn't where all items drawn are equal).

    Raises:
        EvaluationError: There are none, or more than 1% of them are undefined.
    """
    kept = draws[~np.isnan(draws)]
    if len(kept) == 0 or len(draws) - len(kept) > _MOST_UNDEFINED * len(draws):
        raise EvaluationError(
            f"{len(draws) - len(kept)} of {len(draws)} resamples have no value, so there is no interval: the items are "
            "too few or nearly all equal. Measure on more items."
        )
    return kept


def _tail(level: float) -> float:
    if not 0 < level < 1:
        raise EvaluationError(f"a level lies between 0 and 1, got {level}")
    return (1 - level) / 2
