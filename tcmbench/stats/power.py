"""Statistical power of a comparison: the smallest detectable loss, and the items or seeds that a smaller one needs.

Normal approximation for paired means: Chow, Shao, Wang and Lokhnygina, "Sample Size Calculations in Clinical Research"
(2018), §3.1 and §3.2 (non-inferiority). The standard error is that of the interval that the gate reads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.stats.estimates import LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.stats.estimates import Interval

CHANCE = 0.8
"""Chance with which a difference is to be shown."""

_ROUNDING = 1e-6
"""Share by which a variance may exceed the one needed: less than any interval shows."""


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


class Noise(NamedTuple):
    """Sources of the variance of a mean difference."""

    items: float
    """Variance of the mean due to the choice of items, in points²; divided by f with f times the items."""

    seeds: float | None
    """Variance of one training, in points²; None where nothing is known about it (no variant has a second seed, or
    nothing was trained)."""

    number: int
    """Seeds of the mean."""

    lent: float = math.inf
    """Degrees of freedom that siblings lend to the variance of a training; infinite where it is known exactly."""

    level: float = LEVEL
    """Level of the interval that the standard error belongs to."""

    is_single: bool = False
    """Whether the mean is one model, of as many trainings: it shows no spread of its own."""

    @property
    def error(self) -> float:
        """Standard error of the mean, in points."""
        return math.sqrt(self.items + self.of_training(self.number))

    def of_training(self, number: int) -> float:
        """Return the variance of the mean of so many seeds due to training, as it widens the interval.

        Student's t has wider tails than a normal distribution, the wider the fewer degrees of freedom.
        """
        from scipy.special import ndtri, stdtrit

        if self.seeds is None:
            return 0.0
        freedom = self.lent + (0 if self.is_single and self.number > 1 else number - 1)
        if freedom <= 0:
            return math.inf
        tail = (1 + self.level) / 2
        wider = 1.0 if math.isinf(freedom) else float(stdtrit(freedom, tail) / ndtri(tail))
        return self.seeds * wider**2 / number


def error_of(interval: Interval) -> float:
    """Return the standard error that belongs to the width of an interval."""
    from scipy.special import ndtri

    return (interval.high - interval.low) / (2 * float(ndtri((1 + interval.level) / 2)))


def noise_of(
    interval: Interval, *, over_items: Interval, number: int, lent: float | None, is_single: bool = False
) -> Noise:
    """Return the sources of the variance of a mean difference: what the items don't explain is that of training.

    Args:
        interval: Interval of the mean difference; its width gives the whole variance.
        over_items: The same by the choice of items alone.
        number: Seeds of the mean.
        lent: Degrees of freedom that siblings lend to the variance of a training; None where nothing is known about it.
        is_single: Whether it is the change of one model, of so many trainings.
    """
    whole = error_of(interval) ** 2
    if lent is None:
        return Noise(whole, None, number, level=interval.level)
    items = min(whole, error_of(over_items) ** 2)
    unit = Noise(items, 1.0, number, lent, interval.level, is_single)
    return unit._replace(seeds=(whole - items) / unit.of_training(number))


def smallest_loss(error: float, *, alpha: float) -> float:
    """Return the loss whose interval at 1 − alpha excludes zero with a chance of 80%: (z + z₀.₈) × se.

    It is also the smallest margin that an unchanged model passes with a chance of 80%.
    """
    return _reach(alpha) * error


def error_for(distance: float, *, alpha: float) -> float:
    """Return the standard error at which a true difference this far beyond a bound is shown with a chance of 80%."""
    return abs(distance) / _reach(alpha)


def items_factor(noise: Noise, *, error: float) -> float | None:
    """Return how many times the items give a standard error, at the same seeds; None where no number does."""
    left = error**2 - noise.of_training(noise.number)
    return noise.items / left if left > 0 else None


def seeds_for(noise: Noise, *, error: float) -> int | None:
    """Return how many seeds give a standard error, on the same items; None where no number does, or it is unknown."""
    left = error**2 - noise.items
    if noise.seeds is None or left <= 0:
        return None
    number = max(1, math.ceil(noise.seeds / left - _ROUNDING))
    while noise.of_training(number) > left * (1 + _ROUNDING):  # few degrees of freedom need some more
        number += 1
    return number


def allocation(variances: Sequence[float], items: Sequence[int], *, factor: float) -> list[int]:
    """Return the items of each task with which their mean has the variance of `factor` times all items.

    The fewest in total: as many as the standard deviation of the task's items demands (Neyman, "On the two different
    aspects of the representative method", Journal of the Royal Statistical Society 97, 1934), never fewer than now.

    Args:
        variances: Variance of each task's figure at its present items.
        items: Present items of each task.
        factor: Factor on the items of all tasks that would be enough, at least 1.
    """
    from scipy.optimize import brentq

    spread = [math.sqrt(variance * count) for variance, count in zip(variances, items, strict=True)]
    aim = sum(variances) / factor
    if factor <= 1 or aim <= 0:
        return list(items)

    def counts(scale: float) -> list[float]:
        return [max(float(now), scale * part) for now, part in zip(items, spread, strict=True)]

    def left(scale: float) -> float:
        return sum(part**2 / count for part, count in zip(spread, counts(scale), strict=True)) - aim

    # Twice what is enough: of a single task, rounding could leave exactly enough on the wrong side.
    most = 2 * factor * max(count / part for count, part in zip(items, spread, strict=True) if part > 0)
    return [math.ceil(count - 1e-6) for count in counts(float(brentq(left, 0.0, most)))]


def _reach(alpha: float) -> float:
    """Return z at 1 − alpha / 2 plus z at 80%: 2.80 at 5%."""
    from scipy.special import ndtri

    return float(ndtri(1 - alpha / 2) + ndtri(CHANCE))
