"""How large a difference is, apart from whether it is real."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.stats import inputs

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Shares(NamedTuple):
    """Shares of items (0–1) that changed; they sum to one."""

    improved: float
    """Items that score higher than the base."""

    worse: float
    """Items that score lower."""

    equal: float
    """Items that score the same."""

    @property
    def win_rate(self) -> float:
        """Wins plus half the ties: the chance that a random item is better served, 0.5 where nothing changed."""
        return self.improved + self.equal / 2


def shares(tuned: npt.ArrayLike, base: npt.ArrayLike) -> Shares:
    """Return the shares of items that improved, worsened and stayed; seeds are averaged item by item first."""
    delta = _deltas(tuned, base)
    improved, worse = float((delta > 0).mean()), float((delta < 0).mean())
    return Shares(improved, worse, float((delta == 0).mean()))


def standardised_difference(tuned: npt.ArrayLike, base: npt.ArrayLike) -> float:
    """Return d_z: mean difference over the standard deviation of differences (Cohen 1988; Lakens 2013, equation 6).

    0 where nothing differs, infinite where every item differs by the same amount.
    """
    delta = _deltas(tuned, base)
    mean = float(delta.mean())
    deviation = float(delta.std(ddof=1)) if len(delta) > 1 else 0.0
    if deviation <= 1e-12 * abs(mean):
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / deviation


def paired_deviation(tuned: npt.ArrayLike, base: npt.ArrayLike) -> float:
    """Return the standard deviation of the differences (n − 1), which decides what so many items can show."""
    delta = _deltas(tuned, base)
    return float(delta.std(ddof=1)) if len(delta) > 1 else math.nan


def _deltas(tuned: npt.ArrayLike, base: npt.ArrayLike) -> npt.NDArray[np.float64]:
    now, before = inputs.row(tuned, what="tuned"), inputs.row(base, what="base")
    inputs.same_items(len(now), len(before), what="tuned")
    return now - before
