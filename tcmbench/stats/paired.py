"""Means of models over the same items: the paired bootstrap over clusters of items and over seeds.

Items: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 6; paired for rankings: Smucker, Allan
and Carterette, CIKM 2007; whole clusters: Davison and Hinkley, "Bootstrap Methods and their Application" (1997), §3.8.
Seeds and items together, as in Sellam et al., "The MultiBERTs" (ICLR 2022), the multi-bootstrap; seeds are not drawn
from the few that there are, but from the distribution that those of all variants suggest (`training_noise`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.errors import EvaluationError
from tcmbench.stats import inputs
from tcmbench.stats.drawn import Drawn
from tcmbench.stats.draws import Draws
from tcmbench.stats.resampling import Resampling, cluster_sums, count_blocks, count_columns
from tcmbench.stats.training_noise import deviations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from tcmbench.stats.drawn import ItemStatistic
    from tcmbench.stats.inputs import FloatArray

LEAST_CLUSTERS = 6
"""Clusters that an interval needs: with n of them the exact sign-flip test has no p below 2 / 2ⁿ, so five can't show a
difference at 5%, and where all of them changed alike resamples would have no spread at all."""

_DEFAULT = Resampling()


def bootstrap(
    models: Mapping[str, npt.ArrayLike],
    *,
    clusters: Sequence[object] | npt.NDArray[np.generic] | None = None,
    plan: Resampling = _DEFAULT,
) -> Draws:
    """Return the mean of every model in every resample of clusters and seeds.

    Args:
        models: Name → values, items or seeds × items, the same items in the same order for all.
        clusters: Cluster of each item; None where each item is one. With clusters of unequal size the number of items
            differs between resamples: the mean is that of the items drawn.
        plan: Number of resamples, seed, stream, and what is known of the noise of training. A model's noise is drawn
            by its name alone, so that a lucky draw is lucky on every task.

    Raises:
        EvaluationError: No models or items, or different numbers of items.
        ScoreMissing: A value is NaN.
    """
    values, groups = _checked(models, clusters)
    columns = np.concatenate([*values.values(), np.ones((1, len(groups.codes)))]).T
    sums = cluster_sums(np.asarray(columns, dtype=np.float64), groups)
    blocks = [counts @ sums for counts in count_blocks(groups.number, plan)]
    totals = np.concatenate(blocks)
    means = totals[:, :-1] / totals[:, -1:]
    draws = _over_seeds(means, {name: array.mean(axis=1) for name, array in values.items()}, groups, plan)
    return replace(draws, contributions=_contributions(sums, draws), stream=plan.stream)


def bootstrap_statistic(
    models: Mapping[str, Sequence[ItemStatistic]],
    *,
    items: int,
    clusters: Sequence[object] | npt.NDArray[np.generic] | None = None,
    plan: Resampling = _DEFAULT,
    scale: float = 1.0,
    rows: int = 0,
) -> Draws:
    """Return a statistic of every model in every resample of clusters and seeds (see `tcmbench.stats.statistics`).

    Args:
        models: Name → the statistic of each seed.
        items: Number of items.
        clusters: Cluster of each item.
        plan: Number of resamples, seed and stream.
        scale: Factor on the statistic: 100 for points.
        rows: Memory that the statistic needs in addition to the counts, in rows of counts; blocks are smaller by it.

    Raises:
        EvaluationError: A statistic does not exist over all items (a constant array has no correlation).
    """
    groups = inputs.clusters(clusters, items=items, least=LEAST_CLUSTERS)
    once = Drawn(np.ones((items, 1)))
    observed = {name: scale * np.array([float(seed(once)[0]) for seed in seeds]) for name, seeds in models.items()}
    for name, values in observed.items():
        if len(values) == 0 or np.isnan(values).any():
            raise EvaluationError(
                f"{name}: the statistic does not exist over all {items} items (are all values equal?)"
            )
    blocks = []
    # A statistic that iterates over the items has a cost per row, so blocks have eight times the usual memory.
    held = groups.number + rows + (0 if groups.are_single_items else items)
    block_bytes = max(1, 8 * plan.block_bytes * groups.number // held)
    for counts in count_columns(groups.number, replace(plan, block_bytes=block_bytes)):
        drawn = Drawn(counts if groups.are_single_items else counts[groups.codes])
        blocks.append(np.stack([seed(drawn) for seeds in models.values() for seed in seeds], axis=1))
    return _over_seeds(scale * np.concatenate(blocks), observed, groups, plan)


def _checked(
    models: Mapping[str, npt.ArrayLike], ids: Sequence[object] | npt.NDArray[np.generic] | None
) -> tuple[dict[str, FloatArray], inputs.Clusters]:
    if not models:
        raise EvaluationError("nothing to compare: no models were given")
    values = {name: inputs.rows(array, what=name) for name, array in models.items()}
    items = next(iter(values.values())).shape[1]
    for name, array in values.items():
        inputs.same_items(array.shape[1], items, what=name)
    return values, inputs.clusters(ids, items=items, least=LEAST_CLUSTERS)


def _over_seeds(
    columns: FloatArray, observed: Mapping[str, FloatArray], groups: inputs.Clusters, plan: Resampling
) -> Draws:
    """Return draws of models from draws of each model's seeds, in columns in the order of `observed`."""
    means = np.empty((len(columns), len(observed)))
    training: dict[str, FloatArray] = {}
    start = 0
    for place, (name, seeds) in enumerate(observed.items()):
        part = columns[:, start : start + len(seeds)]
        means[:, place] = part[:, 0] if len(seeds) == 1 else part.sum(axis=1) / len(seeds)
        start += len(seeds)
        random = plan.generator("seeds", plan.noise.streams.get(name, name))
        noise = deviations(name, seeds, noise=plan.noise, random=random, resamples=len(columns))
        if noise is not None:
            means[:, place] += noise
            training[name] = noise
    return Draws(
        names=tuple(observed),
        observed=np.array([float(seeds.mean()) for seeds in observed.values()]),
        resampled=means,
        n_items=len(groups.codes),
        n_clusters=groups.number,
        n_seeds=tuple(len(seeds) for seeds in observed.values()),
        training=training,
        pooled=frozenset(name for name in training if len(observed[name]) == 1),
    )


def _contributions(sums: FloatArray, draws: Draws) -> npt.NDArray[np.float32]:
    """Return models × clusters: what each cluster adds to the figure, less what it would at the mean.

    Args:
        sums: Clusters × (seeds of all models, number of items).
        draws: The draws of the models.
    """
    parts = np.empty((len(draws.names), len(sums)), dtype=np.float32)
    start = 0
    for place, seeds in enumerate(draws.n_seeds):
        own = sums[:, start : start + seeds].sum(axis=1) / seeds
        parts[place] = (own - draws.observed[place] * sums[:, -1]) / draws.n_items
        start += seeds
    return parts
