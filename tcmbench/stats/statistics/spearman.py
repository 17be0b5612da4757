"""Spearman's rank correlation of similarities and gold (Spearman 1904), ties at their mean rank.

It is prepared once from a model's items and then gives, for a block of resamples (how often each item was drawn), what
scipy would give on the items drawn, repeated as often. Sorting happens once and not 10,000 times, and what the gold
gives is worked out once for all models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tcmbench.stats import inputs
from tcmbench.stats.ordered import ordered, ratio
from tcmbench.stats.paired import bootstrap_statistic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from tcmbench.stats.drawn import Drawn, ItemStatistic
    from tcmbench.stats.draws import Draws
    from tcmbench.stats.inputs import FloatArray
    from tcmbench.stats.resampling import Resampling

VALUES = "similarity"
GOLD = "gold"
STEP = 1e-5
HAS_ITEM_SCORES = False

_Group = list[int]
"""Items of one value."""


class _Gold(NamedTuple):
    """What the gold gives every model of a block of resamples."""

    weights: list[FloatArray]
    """Row of each item: how often it was drawn, times twice its rank by the gold, counted from the middle rank."""

    own: FloatArray
    """Sum over items of weight × how often each was drawn."""

    spread: FloatArray
    """Sum of squared ranks, counted from the middle rank."""


def value(values: FloatArray, gold: FloatArray) -> float:
    """Return the correlation over all items."""
    from scipy.stats import spearmanr

    return float(spearmanr(values, gold)[0])


def draws(
    models: Mapping[str, npt.ArrayLike], gold: npt.ArrayLike | None, *, clusters: Sequence[str] | None, plan: Resampling
) -> Draws:
    """Return the correlation of every model in every resample, in points."""
    of_items = inputs.row([] if gold is None else gold, what="gold")
    prepared = {name: [prepare(seed, of_items) for seed in inputs.rows(v, what=name)] for name, v in models.items()}
    return bootstrap_statistic(
        prepared,
        items=len(of_items),
        clusters=clusters,
        plan=plan,
        scale=100.0,
        rows=len(of_items),
    )


def prepare(values: npt.ArrayLike, gold: npt.ArrayLike) -> ItemStatistic:
    """Return the correlation as a function of how often each item was drawn.

    Items of one value, drawn c times in all and up to the place u, share the rank u − (c − 1) / 2. So the covariance of
    ranks is a sum of products of whole numbers: exact, like that of squares; only spreads and ratio are rounded.
    """
    left, right = inputs.row(values, what="similarities"), inputs.row(gold, what="gold")
    inputs.same_items(len(left), len(right), what="similarities")
    by_gold, key = _groups(right), right.tobytes()
    singles = _singles_before_ties(_groups(left))

    def statistic(drawn: Drawn) -> FloatArray:
        of_gold = drawn.once(key, lambda: _gold(drawn, by_gold))
        covariance, ties = _covariance(drawn, of_gold, singles)
        # A group of t equal values takes (t³ − t) / 12 from the spread (N³ − N) / 12 of N ranks (Kendall 1945).
        spread = (drawn.total**3 - drawn.cubes - ties) / 12
        return ratio(covariance, np.sqrt(spread * of_gold.spread))

    return statistic


def _groups(values: FloatArray) -> list[_Group]:
    """Return the items of each value, from the lowest up."""
    by_value = ordered(values)
    items = by_value.order.tolist()
    ends = (by_value.ends + 1).tolist()
    return [items[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _singles_before_ties(groups: Sequence[_Group]) -> list[tuple[_Group, _Group]]:
    """Return the groups as stretches of items with a value of their own, each with the tied group that ends it."""
    stretches: list[tuple[_Group, _Group]] = []
    singles: _Group = []
    for group in groups:
        if len(group) == 1:
            singles += group
        else:
            stretches.append((singles, group))
            singles = []
    return [*stretches, (singles, [])]


def _gold(drawn: Drawn, groups: Sequence[_Group]) -> _Gold:
    """Return the gold's part in the covariance and its spread."""
    weights = np.empty_like(drawn.by_item)
    below, cubes = np.zeros((2, len(drawn.total)))
    for group in groups:
        size = drawn.by_item[group].sum(axis=0)
        rank = 2 * below + size - drawn.total
        for item in group:
            np.multiply(drawn.rows[item], rank, weights[item])
        below += size
        cubes += size**3
    own = np.einsum("ij,ij->j", weights, drawn.by_item)
    return _Gold(list(weights), np.asarray(own), (drawn.total**3 - cubes) / 12)


def _covariance(drawn: Drawn, gold: _Gold, stretches: Sequence[tuple[_Group, _Group]]) -> tuple[FloatArray, FloatArray]:
    """Return the covariance of ranks, and what ties add to the sum of cubes of how often each value was drawn."""
    rows, weights, add, multiply = drawn.rows, gold.weights, np.add, np.multiply
    upto, covariance, product = np.zeros((3, len(drawn.total)))
    own, cubes = gold.own.copy(), np.zeros(len(drawn.total))
    for singles, tied in stretches:
        for item in singles:
            add(upto, rows[item], upto)
            multiply(upto, weights[item], product)
            add(covariance, product, covariance)
        if tied:
            size, weight = np.zeros((2, len(drawn.total)))
            for item in tied:
                row = rows[item]
                add(size, row, size)
                add(weight, weights[item], weight)
                own -= multiply(row, weights[item], product)
                multiply(row, row, product)
                cubes -= multiply(product, row, product)
            upto += size
            covariance += weight * upto
            own += weight * size
            cubes += size**3
    return (2 * covariance - own) / 4, cubes
