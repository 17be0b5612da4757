"""Spearman's rank correlation of similarities and gold (Spearman 1904), ties at their mean rank.

It is prepared once from a model's items and then gives, for a block of resamples (how often each item was drawn), what
scipy would give on the items drawn, repeated as often. Sorting happens once and not 10,000 times.
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

    from tcmbench.stats.drawn import CountArray, Drawn, ItemStatistic
    from tcmbench.stats.draws import Draws
    from tcmbench.stats.inputs import FloatArray, IntArray
    from tcmbench.stats.ordered import Ordered
    from tcmbench.stats.resampling import Resampling

VALUES = "similarity"
GOLD = "gold"
STEP = 1e-5
HAS_ITEM_SCORES = False

_ROWS_PER_LEVEL = 16
"""Memory of a correlation for each gold level, in rows of counts of items: sums of its ranks at full precision."""

_Stretch = dict[int, list[int]]
"""Gold level → items next to one another by value: of one level, or of several and then all of one value."""


class _Levels(NamedTuple):
    """The gold: items of each value, lowest first."""

    codes: IntArray
    members: list[IntArray]
    key: bytes


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
        rows=_ROWS_PER_LEVEL * len(np.unique(of_items)),
    )


def prepare(values: npt.ArrayLike, gold: npt.ArrayLike) -> ItemStatistic:
    """Return the correlation as a function of how often each item was drawn.

    An item of the middle rank (before + after + 1) / 2, between how many were drawn below it and up to it, stands
    for after − before draws: its share in a sum of ranks is (after² − before²) / 2, and a stretch of items of one
    gold level telescopes to its two ends. All sums are whole and exact; only spreads and ratio are rounded.
    """
    left, right = inputs.row(values, what="similarities"), inputs.row(gold, what="gold")
    inputs.same_items(len(left), len(right), what="similarities")
    levels = _levels(right)
    order = ordered(left)
    stretches, ties = _stretches(order, levels), _ties(order)

    def statistic(drawn: Drawn) -> FloatArray:
        total = drawn.total
        sizes = drawn.once(levels.key, lambda: _level_sizes(drawn, levels))
        upto = np.cumsum(sizes, axis=0)
        rank_sums = (_squares(drawn, stretches, len(sizes)) - sizes * total) / 2
        gold_ranks = (2 * upto - sizes - total) / 2
        covariance = (rank_sums * gold_ranks).sum(axis=0)
        # A group of t equal values takes (t³ − t) / 12 from the spread (N³ − N) / 12 of N ranks (Kendall 1945).
        spread_a = (total**3 - drawn.cubes - _tie_cubes(drawn, ties)) / 12
        spread_b = (total**3 - (sizes**3).sum(axis=0)) / 12
        return ratio(covariance, np.sqrt(spread_a * spread_b))

    return statistic


def _levels(gold: FloatArray) -> _Levels:
    _, of_item = np.unique(gold, return_inverse=True)
    codes = of_item.astype(np.int64)
    order = np.argsort(codes, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    return _Levels(codes, members, codes.tobytes())


def _level_sizes(drawn: Drawn, levels: _Levels) -> FloatArray:
    """Return levels × resamples: how many items of each gold level were drawn."""
    return np.stack([drawn.by_item[members].sum(axis=0, dtype=np.float64) for members in levels.members])


def _stretches(ordered: Ordered, levels: _Levels) -> list[_Stretch]:
    """Return all items from the lowest value up, as few stretches as there can be."""
    stretches: list[_Stretch] = []
    codes = levels.codes.tolist()
    order = ordered.order.tolist()
    start = 0
    for end in (ordered.ends + 1).tolist():
        equal: dict[int, list[int]] = {}
        for item in order[start:end]:
            equal.setdefault(codes[item], []).append(item)
        start = end
        if len(equal) == 1 and stretches and stretches[-1].keys() == equal.keys():
            for level, items in equal.items():
                stretches[-1][level] += items
        else:
            stretches.append(equal)
    return stretches


def _ties(ordered: Ordered) -> list[IntArray]:
    """Return the groups of more than one item of the same value."""
    starts, ends = np.concatenate([[0], ordered.ends[:-1] + 1]), ordered.ends + 1
    several = ends - starts > 1
    return [ordered.order[start:end] for start, end in zip(starts[several], ends[several], strict=True)]


def _tie_cubes(drawn: Drawn, ties: Sequence[IntArray]) -> FloatArray:
    """Return what equal values add to the sum of cubes: that of the group less those of its items."""
    more = np.zeros(len(drawn.total))
    for group in ties:
        counts = drawn.by_item[group].astype(np.float64)
        more += counts.sum(axis=0) ** 3 - (counts**3).sum(axis=0)
    return more


def _add_mixed(stretch: _Stretch, rows: Sequence[CountArray], upto: CountArray, sums: CountArray) -> None:
    """Add items of one value and several gold levels: draws of each level times before + after."""
    ends = upto.copy()
    parts = {
        level: np.sum([rows[item] for item in items], axis=0, dtype=upto.dtype) for level, items in stretch.items()
    }
    for part in parts.values():
        upto += part
    ends += upto
    for level, part in parts.items():
        if level:
            sums[level] += part * ends


def _squares(drawn: Drawn, stretches: Sequence[_Stretch], levels: int) -> FloatArray:
    """Return levels × resamples: sum of after² − before² over the items of each gold level."""
    rows, add, subtract, multiply = drawn.rows, np.add, np.subtract, np.multiply
    upto, before, after = np.zeros((3, len(drawn.total)), dtype=drawn.by_item.dtype)
    sums = np.zeros((levels, len(drawn.total)), dtype=drawn.by_item.dtype)
    for stretch in stretches:
        if len(stretch) > 1:
            _add_mixed(stretch, rows, upto, sums)
            np.multiply(upto, upto, out=before)
            continue
        for level, items in stretch.items():
            for item in items:
                add(upto, rows[item], upto)
            multiply(upto, upto, after)
            if level:
                own = sums[level]
                add(own, after, own)
                subtract(own, before, own)
        before, after = after, before
    # All levels together telescope to the square of the total.
    sums[0] = upto * upto - sums[1:].sum(axis=0, dtype=sums.dtype)
    return sums.astype(np.float64)
