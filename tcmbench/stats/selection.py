"""The gain of the best of several recipes: an interval that allows for having chosen the largest estimate.

The largest of N estimates is too large: of equal recipes it is the luckiest. Two remedies, both checked by
`benchmarks/selection_simulation.py`:

- Choose on one half of the items, measure on the other (`in_first_half`): the choice and the figure are independent, so
  the ordinary interval of the second half is right (Cox, "A note on data-splitting for the evaluation of significance
  levels", Biometrika 62, 1975).
- Where there is one set of items: the hybrid interval of Andrews, Kitagawa and McCloskey, "Inference on Winners"
  (Quarterly Journal of Economics 139, 2024), §III. Given that a recipe won, its estimate is normal, truncated to the
  values with which it wins; the interval contains the means under which the observed estimate is not extreme. The
  hybrid also truncates to a simultaneous interval of level 1 − α/10, which bounds its length where two recipes are
  nearly equal. Its coverage is between 1 − α and (1 − α) / (1 − α/10): 95% to 95.5%.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tcmbench.errors import EvaluationError
from tcmbench.stats import inputs
from tcmbench.stats.estimates import LEVEL, Estimate, Interval, defined, percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tcmbench.stats.inputs import FloatArray

_SIMULTANEOUS = 0.1
"""Share of α that the simultaneous interval takes: the authors' recommendation."""

_FARTHEST = 5.0
"""Standard errors from its estimate that a draw may lie."""

_SAME = 1e-9
"""A regression coefficient this near to 1 is 1: two recipes whose estimates always move together."""


class _Winner(NamedTuple):
    """The estimate of the winner as a truncated normal variable."""

    value: float
    error: float
    """Standard error."""

    low: float
    """Smallest value with which it wins, given what the others have apart from it."""

    high: float
    """Largest value with which it wins; infinite unless another one moves more than the winner itself."""

    reach: float
    """Half width of the simultaneous interval, in standard errors."""


def in_first_half(clusters: Sequence[str], *, salt: str = "") -> npt.NDArray[np.bool_]:
    """Return which items are in the first of two halves, by a hash of their cluster.

    All items of a cluster are in the same half, and a cluster stays in its half whatever other items there are. The
    halves are of equal size in expectation only.

    Args:
        clusters: Cluster of each item.
        salt: Gives another division.
    """
    return np.array([hashlib.sha256(f"{salt}\x00{one}".encode()).digest()[0] % 2 == 0 for one in clusters], dtype=bool)


def best_of(observed: npt.ArrayLike, resampled: npt.ArrayLike, *, level: float = LEVEL, tasks: int = 1) -> Estimate:
    """Return the figure of the recipe with the largest estimate, adjusted for having been chosen.

    The value is median-unbiased: too large as often as too small. With one recipe nothing was chosen, and the figure
    has its ordinary interval. Estimates are taken to be normal, with the covariances of the resamples.

    Args:
        observed: Estimate of every recipe, such as its gain; of equal largest ones the first is the winner.
        resampled: Resamples × recipes: the same in every resample, drawn together.
        level: Level of the interval.
        tasks: Number of tasks that each is the mean of.

    Raises:
        EvaluationError: No recipes, or not one column for each.
        NoInterval: The statistic doesn't exist in too many resamples.
    """
    estimates, draws = np.asarray(observed, dtype=np.float64), np.asarray(resampled, dtype=np.float64)
    if estimates.ndim != 1 or len(estimates) == 0 or draws.ndim != 2 or draws.shape[1] != len(estimates):
        raise EvaluationError(
            f"the best of several needs one estimate and one column of resamples each, got shapes {estimates.shape} "
            f"and {draws.shape}"
        )
    inputs.row(estimates, what="estimates")
    if len(estimates) == 1:
        return Estimate(float(estimates[0]), percentile(draws[:, 0], level=level, tasks=tasks))
    sums = draws.sum(axis=1)
    defined(sums, tasks=tasks)  # a resample counts where every recipe has a value
    winner = _winner(estimates, draws[~np.isnan(sums)], alpha=1 - level)
    if winner is None:
        value = float(estimates.max())
        return Estimate(value, Interval(value, value, level))
    alpha, spent = 1 - level, _SIMULTANEOUS * (1 - level)
    tail = (alpha - spent) / (1 - spent) / 2
    low, middle, high = (_mean_with(winner, chance) for chance in (1 - tail, 0.5, tail))
    return Estimate(middle, Interval(low, high, level))


def _winner(estimates: FloatArray, draws: FloatArray, *, alpha: float) -> _Winner | None:
    """Return the winner's truncation (§III.A of the paper); None where the winner's estimate doesn't vary."""
    place = int(np.argmax(estimates))
    moves = _bounded(draws, estimates, alpha=alpha)
    moves -= moves.mean(axis=0)
    errors = np.sqrt(np.einsum("ij,ij->j", moves, moves) / (len(draws) - 1))
    if errors[place] == 0:
        return None
    value = float(estimates[place])
    slope = moves.T @ moves[:, place] / (len(draws) - 1) / errors[place] ** 2
    apart = estimates - slope * value
    """What each recipe has that doesn't depend on the winner's estimate."""
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = apart / (1 - slope)
    others = np.arange(len(estimates)) != place
    below, above = others & (slope < 1 - _SAME), others & (slope > 1 + _SAME)
    varying = errors > 0
    return _Winner(
        value=value,
        error=float(errors[place]),
        low=float(bounds[below].max(initial=-np.inf)),
        high=float(bounds[above].min(initial=np.inf)),
        reach=float(np.quantile((np.abs(moves[:, varying]) / errors[varying]).max(axis=1), 1 - _SIMULTANEOUS * alpha)),
    )


def _bounded(draws: FloatArray, estimates: FloatArray, *, alpha: float) -> FloatArray:
    """Return the draws' distances from the estimates, with none beyond five standard errors.

    The noise of few seeds is Student's t; with one or two degrees of freedom its draws have no variance, and their
    sample's would be that of the few largest. The standard error is the one of the interval's width. Of normal draws
    hardly any is that far out.
    """
    from scipy.special import ndtri

    low, high = np.quantile(draws, [alpha / 2, 1 - alpha / 2], axis=0)
    reach = _FARTHEST * (high - low) / (2 * float(ndtri(1 - alpha / 2)))
    return np.asarray(np.clip(draws - estimates, -reach, reach))


def _mean_with(winner: _Winner, chance: float) -> float:
    """Return the mean under which a value up to the observed one has this chance, given the truncation.

    The chance falls from 1 to 0 as the mean moves over the simultaneous interval.
    """
    from scipy.optimize import brentq

    shift = float(brentq(lambda at: _chance_below(winner, at) - chance, -winner.reach, winner.reach, xtol=1e-8))
    return winner.value + shift * winner.error


def _chance_below(winner: _Winner, shift: float) -> float:
    """Return the chance of a value up to the observed one, for a mean `shift` standard errors above that."""
    from scipy.special import ndtr

    if abs(shift) >= winner.reach:
        return 1.0 if shift < 0 else 0.0
    at = -shift
    low = max((winner.low - winner.value) / winner.error - shift, -winner.reach)
    high = min((winner.high - winner.value) / winner.error - shift, winner.reach)
    if low > 0:  # differences of small upper tails are exact only as such
        low, at, high = -high, -at, -low
        part, whole = ndtr(high) - ndtr(at), ndtr(high) - ndtr(low)
    else:
        part, whole = ndtr(at) - ndtr(low), ndtr(high) - ndtr(low)
    return float(part / whole) if whole > 0 else float(shift < 0)
