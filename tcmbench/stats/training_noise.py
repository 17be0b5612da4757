"""The noise of training: how far the figure of a recipe with k seeds may lie from that of all its trainings.

Three seeds don't show their own spread well: the variance of three values has two degrees of freedom. It is therefore
estimated as in a moderated t test (Smyth, "Linear Models and Empirical Bayes Methods", Statistical Applications in
Genetics and Molecular Biology 3, 2004): the variance of a variant's own seeds and that of its siblings' seeds, weighted
by degrees of freedom. Those of the siblings are few where the variances of variants differ by more than chance
(`prior_freedom`), and all that there are where they don't; a variant that is noisier than the others by more than
chance (`noisier`) relies on its own seeds. A variant with a single seed has only its siblings'.

The deviation is drawn, resample by resample: Student's t with these degrees of freedom. It is a sum over residuals
(seed less the mean of its variant) with the same random factors on every task, so that a mean over tasks has the
pooled variance of the means over tasks: a lucky training is lucky on every task.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.stats.inputs import FloatArray

LEAST_FREEDOM = 2.0
"""Degrees of freedom that siblings lend at least to a variant with one seed, if they have as many: it has none."""

_SUMMED = 8
"""Residuals of siblings in one draw: their sum is close to normal, whatever their number."""
_LEAST_VARIANCE = 1e-3
"""Variances are at least this share of their median, as the logarithm of zero is none."""
_USUAL = 0.9
"""Share of variants that are no noisier than others whose ratio of variances, on one task, isn't taken for more."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingNoise:
    """The trainings of a set on one task."""

    siblings: Mapping[str, FloatArray] = field(default_factory=dict)
    """Variant → figure of each seed, in the unit of the draws; NaN where it has none on this task. All tasks have the
    same variants and seeds."""

    variants: Mapping[str, str] = field(default_factory=dict)
    """Name in the draws → its variant, which is no sibling of its own. Models that are not listed were not trained
    here, or are meant as checkpoints: nothing is added to a single one of their values."""

    prior: float = math.inf
    """Degrees of freedom of siblings as a source about one variant; see `prior_freedom`."""

    is_shared: bool = False
    """Whether all models have the same trainings, so that none of their noise is in a difference."""

    alone: frozenset[str] = frozenset()
    """Names in the draws to which siblings lend nothing where they have several seeds."""

    averaged: Mapping[str, float] = field(default_factory=dict)
    """Name in the draws → number of trainings whose mean is as variable as its one model; below 1 for their sum."""

    streams: Mapping[str, str] = field(default_factory=dict)
    """Name in the draws → name of its random numbers, its own by default: models of the same trainings are lucky
    together, seed by seed."""

    def residuals(self, name: str) -> FloatArray:
        """Return each seed less the mean of its variant, over all siblings with several seeds; NaN where missing."""
        own = self.variants[name]
        # By name: the draws must not depend on the order in which a board, `check` and `compare` list the models.
        siblings = sorted(self.siblings.items())
        others = [figures for variant, figures in siblings if variant != own and len(figures) > 1]
        return np.concatenate([figures - figures.mean() for figures in others]) if others else np.empty(0)

    def freedom(self, name: str) -> int:
        """Return the degrees of freedom of the siblings' residuals."""
        own = self.variants[name]
        return sum(
            len(figures) - 1
            for variant, figures in self.siblings.items()
            if variant != own and not np.isnan(figures).any()
        )

    def lent(self, name: str, *, seeds: int) -> float:
        """Return the degrees of freedom that siblings lend to a variant with so many seeds."""
        if name not in self.variants or (name in self.alone and seeds > 1):
            return 0.0
        prior = max(self.prior, LEAST_FREEDOM) if seeds == 1 else self.prior
        return min(prior, self.freedom(name))


NO_SIBLINGS = TrainingNoise()
"""Nothing is known but a variant's own seeds."""

SAME_TRAININGS = TrainingNoise(is_shared=True)
"""The models that are compared have the same trainings."""


def deviations(
    name: str, seeds: FloatArray, *, noise: TrainingNoise, random: np.random.Generator, resamples: int
) -> FloatArray | None:
    """Return what the mean over seeds may be off by, in every resample; None where nothing is known about it.

    Args:
        name: Name in the draws.
        seeds: Figure of each of its seeds over all items.
        noise: The trainings of the set.
        random: Generator of this model, the same on every task.
        resamples: Number of resamples.
    """
    if noise.is_shared:
        return None
    count = len(seeds)
    lent = noise.lent(name, seeds=count)
    freedom = lent + count - 1
    if freedom == 0:
        return None
    total = np.zeros(resamples)
    if count > 1:
        for residual in seeds - seeds.mean():
            total += residual * random.standard_normal(resamples)
        total /= math.sqrt(freedom)
    if lent > 0:
        residuals = noise.residuals(name)
        spread = math.sqrt(len(residuals) / (_SUMMED * noise.freedom(name)))
        residuals = np.nan_to_num(residuals)
        drawn = np.zeros(resamples)
        for _ in range(_SUMMED):
            chosen = residuals[random.integers(0, len(residuals), resamples)]
            drawn += np.where(random.integers(0, 2, resamples), chosen, -chosen)
        total += math.sqrt(lent / freedom) * spread * drawn
    chi_squared = 2 * random.standard_gamma(freedom / 2, resamples)
    trainings = noise.averaged.get(name, 1) if count == 1 else count
    return np.asarray(total * np.sqrt(freedom / (trainings * chi_squared)), dtype=np.float64)


def prior_freedom(tasks: Sequence[Mapping[str, FloatArray]]) -> float:
    """Return how many degrees of freedom the variance of siblings is worth as a guess of a variant's own.

    Smyth 2004, §6.2: logarithms of variances spread by ψ′(d / 2) if all variants are alike; what they spread by beyond
    that, averaged over tasks, is ψ′(d₀ / 2). Infinite where there is nothing beyond, or fewer than two variants with
    several seeds.

    Args:
        tasks: Of each task: variant → figure of each seed; NaN where it has none.
    """
    from scipy.special import digamma, polygamma

    beyond = []
    for figures in tasks:
        seeds = list(_several(figures).values())
        variances = np.array([of_variant.var(ddof=1) for of_variant in seeds])
        if len(seeds) < 2 or np.median(variances) == 0:  # equal scores throughout say nothing about training
            continue
        half = np.array([(len(of_variant) - 1) / 2 for of_variant in seeds])
        logs = np.log(np.maximum(variances, _LEAST_VARIANCE * np.median(variances)))
        beyond.append(float((logs - digamma(half) + np.log(half)).var(ddof=1) - polygamma(1, half).mean()))
    excess = float(np.mean(beyond)) if beyond else 0.0
    return 2 * _trigamma_inverse(excess) if excess > 0 else math.inf


def noisier(tasks: Sequence[Mapping[str, FloatArray]]) -> frozenset[str]:
    """Return the variants whose seeds differ by more than chance from those of the others: nothing is lent to them.

    One outlier hardly moves `prior_freedom`, which is about all (Phipson et al., "Robust hyperparameter estimation
    protects against hypervariable genes", Annals of Applied Statistics 10, 2016). The ratio of a variant's variance to
    that of the others, averaged over tasks, is compared with the 90% quantile of F of a single task: an average varies
    less, so fewer than one in ten variants like the others are taken for noisier, and their intervals are wide.

    Args:
        tasks: Of each task: variant → figure of each seed; NaN where it has none.
    """
    from scipy.special import fdtri

    ratios: dict[str, list[float]] = {}
    for figures in tasks:
        seeds = _several(figures)
        for name, own in seeds.items():
            others = [each for other, each in seeds.items() if other != name]
            freedom = sum(len(each) - 1 for each in others)
            pooled = sum(len(each) * each.var() for each in others) / max(freedom, 1)
            if pooled > 0:
                ratios.setdefault(name, []).append(own.var(ddof=1) / pooled / fdtri(len(own) - 1, freedom, _USUAL))
    return frozenset(name for name, each in ratios.items() if np.mean(each) > 1)


def _several(figures: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return the variants with several seeds, all of which have a figure."""
    return {name: seeds for name, seeds in figures.items() if len(seeds) > 1 and not np.isnan(seeds).any()}


def _trigamma_inverse(value: float) -> float:
    """Return the positive solution of ψ′(x) = value, by bisection on a logarithmic scale."""
    from scipy.special import polygamma

    low, high = 1e-6, 1e6
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if float(polygamma(1, middle)) > value else (low, middle)
    return math.sqrt(low * high)
