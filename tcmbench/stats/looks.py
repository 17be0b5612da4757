"""Alpha of each of several planned looks at the same comparison, while seeds or items are added.

Whoever measures until the gate decides has several chances of a wrong decision. Group-sequential tests spend alpha over
the looks: the method of Lan and DeMets, "Discrete sequential boundaries for clinical trials" (Biometrika 70, 1983),
with the spending function of Kim and DeMets (Biometrika 74, 1987), α t², where t is the share of the planned looks. It
spends less early and most at the end, as that of O'Brien and Fleming does; the latter's first looks are at levels of
10⁻⁵, which ten thousand resamples can't show. The boundaries follow from the joint distribution of the looks, whose
estimates have independent increments: for means, the correlation of two looks is √(share of the later data that the
earlier had). Numerical integration: Jennison and Turnbull, "Group Sequential Methods with Applications to Clinical
Trials" (2000), chapter 19.

The intervals at these levels are repeated confidence intervals (Jennison and Turnbull, Journal of the Royal Statistical
Society B 51, 1989): all of them, over all looks, contain the true value with a probability of 1 − α.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.stats.inputs import FloatArray

POWER = 2
"""Exponent of the spending function."""

MOST_LOOKS = 10
_POINTS = 601
"""Points of the integration: at the largest share, ten per standard deviation between two looks."""

_LARGEST_SHARE = 0.99
"""Looks with more common data than this are treated as having this share: two looks at nearly the same data need no
finer integration, and a smaller correlation is the cautious side."""


def spent(share: float, *, alpha: float) -> float:
    """Return the part of alpha that may be spent up to a share of the planned looks (0–1)."""
    return float(alpha * share**POWER)


def level_of_look(look: int, *, planned: int, alpha: float, shares: Sequence[float] | None = None) -> float:
    """Return the nominal alpha of a look, two-sided: its intervals have the level 1 − this.

    Args:
        look: Number of the look, from 1.
        planned: Number of planned looks; with one, alpha is not divided.
        alpha: Alpha of all looks together.
        shares: For every look from the second on, the share (0–1) of its data that the look before had; without them,
            looks that add equal amounts. A smaller share is the cautious side.

    Raises:
        EvaluationError: A look that was not planned, or not a share for each of them.
    """
    if not 1 <= look <= planned <= MOST_LOOKS:
        raise EvaluationError(
            f"expected a look from 1 to the planned number, at most {MOST_LOOKS}; got {look} of {planned}"
        )
    known = [k / (k + 1) for k in range(1, look)] if shares is None else list(shares)
    if len(known) != look - 1 or not all(0 <= share <= 1 for share in known):
        raise EvaluationError(f"look {look} needs {look - 1} shares of data between 0 and 1, got {known}")
    if planned == 1:
        return alpha
    return boundaries([spent(k / planned, alpha=alpha) for k in range(1, look + 1)], known)[-1]


def boundaries(cumulative: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Return the nominal alpha of each look, so that the chance of having crossed any up to it is as given.

    Args:
        cumulative: Chance of a wrong decision up to each look.
        shares: For every look from the second on, the share of its data that the look before had.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    bound = float(-ndtri(cumulative[0] / 2))
    levels = [cumulative[0]]
    grid = np.linspace(-bound, bound, _POINTS)
    density = _weights(grid) * np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi)
    for before, upto, share in zip(cumulative, cumulative[1:], shares, strict=False):
        kept = min(share, _LARGEST_SHARE)
        along, own = math.sqrt(kept), math.sqrt(1 - kept)

        def crossing(
            at: float, grid: FloatArray = grid, density: FloatArray = density, along: float = along, own: float = own
        ) -> float:
            tails = ndtr((-at - along * grid) / own) + ndtr((along * grid - at) / own)
            return float(density @ tails)

        bound = float(brentq(lambda at, aim=upto - before, f=crossing: f(at) - aim, 0.0, 12.0, xtol=1e-10))
        levels.append(float(2 * ndtr(-bound)))
        after = np.linspace(-bound, bound, _POINTS)
        moved = np.exp(-(((after[:, None] - along * grid) / own) ** 2) / 2) @ density / own / math.sqrt(2 * math.pi)
        grid, density = after, _weights(after) * moved
    return levels


def _weights(grid: FloatArray) -> FloatArray:
    """Return the weights of Simpson's rule."""
    weights = np.full(len(grid), 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return np.asarray(weights * (grid[1] - grid[0]) / 3)
