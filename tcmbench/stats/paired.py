"""Means of models over the same items: the paired bootstrap over clusters of items and over seeds.

Items: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 6; paired for rankings: Smucker, Allan
and Carterette, CIKM 2007; whole clusters: Davison and Hinkley, "Bootstrap Methods and their Application" (1997), §3.8.
Seeds and items together: Sellam et al., "The MultiBERTs" (ICLR 2022), the multi-bootstrap, with the correction for few
seeds of Rao and Wu, "Resampling Inference with Complex Survey Data" (JASA 1988).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.errors import EvaluationError
from tcmbench.stats import inputs
from tcmbench.stats.drawn import Drawn
from tcmbench.stats.draws import Draws
from tcmbench.stats.resampling import Resampling, cluster_sums, count_blocks, count_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from tcmbench.stats.drawn import ItemStatistic
    from tcmbench.stats.inputs import FloatArray

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
        plan: Number of resamples, seed and stream. A model's seeds are drawn by its name alone, so that the draws are
            the same on every task.

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
    return _over_seeds(means, {name: array.mean(axis=1) for name, array in values.items()}, groups, plan)


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
    groups = inputs.clusters(clusters, items=items)
    once = Drawn(np.ones((items, 1), dtype=np.uint32))
    observed = {name: scale * np.array([float(seed(once)[0]) for seed in seeds]) for name, seeds in models.items()}
    for name, values in observed.items():
        if len(values) == 0 or np.isnan(values).any():
            raise EvaluationError(
                f"{name}: the statistic does not exist over all {items} items (are all values equal?)"
            )
    blocks = []
    # A statistic that iterates over the items has a cost per row, so blocks have four times the usual memory.
    held = groups.number + rows + (0 if groups.are_single_items else items)
    block_bytes = max(1, 4 * plan.block_bytes * groups.number // held)
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
    return values, inputs.clusters(ids, items=items)


def _over_seeds(
    columns: FloatArray, observed: Mapping[str, FloatArray], groups: inputs.Clusters, plan: Resampling
) -> Draws:
    """Return draws of models from draws of each model's seeds, in columns in the order of `observed`."""
    means = np.empty((len(columns), len(observed)))
    start = 0
    for place, (name, seeds) in enumerate(observed.items()):
        part = columns[:, start : start + len(seeds)]
        means[:, place] = part[:, 0] if len(seeds) == 1 else (part * _seed_weights(name, len(seeds), plan)).sum(axis=1)
        start += len(seeds)
    return Draws(
        names=tuple(observed),
        observed=np.array([float(seeds.mean()) for seeds in observed.values()]),
        resampled=means,
        n_items=len(groups.codes),
        n_clusters=groups.number,
        n_seeds=tuple(len(seeds) for seeds in observed.values()),
    )


def _seed_weights(name: str, seeds: int, plan: Resampling) -> FloatArray:
    """Return resamples × seeds: weights that sum to one, with the variance of a mean over this number of seeds.

    Drawing k seeds of k understates the variance of their mean by (k − 1) / k: a third at k = 3. Deviations from
    equal weights are therefore stretched by √(k / (k − 1)).
    """
    random = plan.generator("seeds", name)
    drawn = random.integers(0, seeds, size=(plan.n_resamples, seeds))
    counts = (drawn[:, :, None] == np.arange(seeds)).sum(axis=1)
    return np.asarray(1 / seeds + math.sqrt(seeds / (seeds - 1)) * (counts - 1) / seeds, dtype=np.float64)
