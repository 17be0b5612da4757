"""Statistical power of a comparison: the chance that an unchanged variant passes, and the smallest detectable loss.

Normal approximation for paired means: Chow, Shao, Wang and Lokhnygina, "Sample Size Calculations in Clinical Research"
(2018), §3.1 and §3.2 (non-inferiority). The standard error is that of the interval that the gate reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tcmbench.stats.estimates import Interval


class Power(NamedTuple):
    """Power of a comparison."""

    to_pass: float
    """Chance that the lower bound lies above −margin where nothing changed: Φ(margin / se − z)."""

    smallest_seen: float
    """Loss in points whose interval excludes zero with a chance of 80%: (z + z₀.₈) × se."""


def power(interval: Interval, *, margin: float) -> Power:
    """Return the power of a comparison at a margin, in the unit of the interval.

    Args:
        interval: Interval of the mean change; its width gives the standard error.
        margin: Loss that must be ruled out.
    """
    from scipy.stats import norm

    z = float(norm.ppf((1 + interval.level) / 2))
    error = (interval.high - interval.low) / (2 * z)
    if error == 0:
        return Power(1.0, 0.0)
    return Power(float(norm.cdf(margin / error - z)), (z + float(norm.ppf(0.8))) * error)
