"""Statistics of items that are no mean: correlation, average precision, macro averages, V-measure.

Each is prepared once from a model's items and then gives, for a block of resamples (how often each item was drawn),
what the plain statistic would give on the items drawn, repeated as often. Sorting happens once and not 10,000 times.
A resample in which the statistic does not exist gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tcmbench.stats import inputs
from tcmbench.stats.drawn import Drawn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.stats.drawn import CountArray
    from tcmbench.stats.inputs import FloatArray, IntArray

ItemStatistic = Callable[[Drawn], npt.NDArray[np.float64]]
"""From how often each item was drawn to one value a resample."""


class _Ordered(NamedTuple):
    """Items sorted by value, equal values together."""

    order: IntArray
    ends: IntArray
    """Last place of each value."""


class _Levels(NamedTuple):
    """The gold: items of each value, lowest first."""

    codes: IntArray
    members: list[IntArray]
    key: bytes


class _Step(NamedTuple):
    """Items from one threshold with a positive down to the next."""

    negatives: list[int]
    positives: list[int]


ROWS_A_LEVEL = 16
"""Memory of a correlation for each gold level, in rows of counts of items: sums of its ranks at full precision."""

_Stretch = dict[int, list[int]]
"""Gold level → items next to one another by value: of one level, or of several and then all of one value."""


def mean(values: npt.ArrayLike) -> ItemStatistic:
    """Return the plain mean of items: accuracy where they are right or wrong."""
    row = inputs.row(values, what="items")

    def statistic(drawn: Drawn) -> FloatArray:
        counts = drawn.by_resample
        return np.asarray((counts @ row) / counts.sum(axis=1), dtype=np.float64)

    return statistic


def spearman(values: npt.ArrayLike, gold: npt.ArrayLike) -> ItemStatistic:
    """Return Spearman's rank correlation, ties at their mean rank (Spearman 1904; as scipy.stats.spearmanr).

    An item of the middle rank (before + after + 1) / 2, between how many were drawn below it and up to it, stands
    for after − before draws: its share in a sum of ranks is (after² − before²) / 2, and a stretch of items of one
    gold level telescopes to its two ends. All sums are whole and exact; only spreads and ratio are rounded.
    """
    left, right = inputs.row(values, what="similarities"), inputs.row(gold, what="gold")
    inputs.same_items(len(left), len(right), what="similarities")
    levels = _levels(right)
    order = _ordered(left)
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
        return _ratio(covariance, np.sqrt(spread_a * spread_b))

    return statistic


def average_precision(values: npt.ArrayLike, gold: npt.ArrayLike) -> ItemStatistic:
    """Return Σ (recall step × precision) over falling thresholds, equal scores at once (as scikit-learn's)."""
    scores, positive = inputs.row(values, what="similarities"), inputs.row(gold, what="gold") > 0
    inputs.same_items(len(scores), len(positive), what="similarities")
    steps = _recall_steps(_ordered(-scores), positive)

    def statistic(drawn: Drawn) -> FloatArray:
        rows = drawn.rows
        retrieved, hits = np.zeros((2, len(drawn.total)), dtype=drawn.by_item.dtype)
        area = np.zeros(len(drawn.total))
        for step in steps:
            for item in step.negatives:
                np.add(retrieved, rows[item], retrieved)
            found = _row_sum(rows, step.positives)
            retrieved += found
            hits += found
            area += found * hits / np.maximum(retrieved, 1)
        return _ratio(area, hits.astype(np.float64))

    return statistic


def macro_mean(values: npt.ArrayLike, groups: Sequence[object]) -> ItemStatistic:
    """Return the mean over groups of the mean of their items: macro-R@1; groups that were not drawn don't count."""
    row = inputs.row(values, what="items")
    inputs.same_items(len(groups), len(row), what="groups")
    member = _one_hot(groups)

    def statistic(drawn: Drawn) -> FloatArray:
        counts = drawn.by_resample
        size, total = counts @ member, (counts * row) @ member
        means = np.divide(total, size, out=np.zeros_like(total), where=size > 0)
        return _ratio(means.sum(axis=1), (size > 0).sum(axis=1).astype(np.float64))

    return statistic


def macro_f1(predicted: Sequence[object], gold: Sequence[object]) -> ItemStatistic:
    """Return the mean of 2·TP / (predicted + true) over labels that were predicted or true (as scikit-learn's).

    A label that nobody drew does not count in that resample, so with many rare labels resamples average over fewer
    labels than the figure itself: read the interval of the paired difference rather than of the level.
    """
    inputs.same_items(len(predicted), len(gold), what="predicted labels")
    both = _one_hot([*predicted, *gold])
    said, true = both[: len(gold)], both[len(gold) :]
    hit = said * true

    def statistic(drawn: Drawn) -> FloatArray:
        counts = drawn.by_resample
        support = counts @ (said + true)
        f1 = np.divide(2 * (counts @ hit), support, out=np.zeros_like(support), where=support > 0)
        return _ratio(f1.sum(axis=1), (support > 0).sum(axis=1).astype(np.float64))

    return statistic


def v_measure(assigned: Sequence[object], gold: Sequence[object]) -> ItemStatistic:
    """Return the harmonic mean of homogeneity and completeness (Rosenberg and Hirschberg 2007; as scikit-learn's).

    Clusters stay as they were found; what varies is which texts they are judged on.
    """
    inputs.same_items(len(assigned), len(gold), what="assigned clusters")
    found, true = _one_hot(assigned), _one_hot(gold)
    pairs = _one_hot(list(zip(assigned, gold, strict=True)))

    def statistic(drawn: Drawn) -> FloatArray:
        counts = drawn.by_resample
        joint = _entropy(counts @ pairs)
        by_cluster, by_class = _entropy(counts @ found), _entropy(counts @ true)
        # mutual information over the mean of both entropies; with one class and one cluster everything agrees
        mutual, mean_entropy = by_cluster + by_class - joint, (by_cluster + by_class) / 2
        value = np.divide(mutual, mean_entropy, out=np.ones_like(mutual), where=mean_entropy > 1e-12)
        return np.asarray(np.clip(value, 0.0, 1.0), dtype=np.float64)

    return statistic


def _ordered(values: FloatArray) -> _Ordered:
    order = np.argsort(values, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(values[order]) != 0), len(values) - 1)
    return _Ordered(order.astype(np.int64), ends.astype(np.int64))


def _levels(gold: FloatArray) -> _Levels:
    _, of_item = np.unique(gold, return_inverse=True)
    codes = of_item.astype(np.int64)
    order = np.argsort(codes, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    return _Levels(codes, members, codes.tobytes())


def _level_sizes(drawn: Drawn, levels: _Levels) -> FloatArray:
    """Return levels × resamples: how many items of each gold level were drawn."""
    return np.stack([drawn.by_item[members].sum(axis=0, dtype=np.float64) for members in levels.members])


def _stretches(ordered: _Ordered, levels: _Levels) -> list[_Stretch]:
    """Return all items from the lowest value up, as few stretches as there can be."""
    found: list[_Stretch] = []
    codes = levels.codes.tolist()
    order = ordered.order.tolist()
    start = 0
    for end in (ordered.ends + 1).tolist():
        equal: dict[int, list[int]] = {}
        for item in order[start:end]:
            equal.setdefault(codes[item], []).append(item)
        start = end
        if len(equal) == 1 and found and found[-1].keys() == equal.keys():
            for level, items in equal.items():
                found[-1][level] += items
        else:
            found.append(equal)
    return found


def _recall_steps(ordered: _Ordered, positive: npt.NDArray[np.bool_]) -> list[_Step]:
    """Return what each threshold with a positive adds to those before it; what comes after the last adds nothing."""
    found: list[_Step] = []
    order, hit = ordered.order.tolist(), positive[ordered.order].tolist()
    negatives: list[int] = []
    start = 0
    for end in (ordered.ends + 1).tolist():
        positives = [order[place] for place in range(start, end) if hit[place]]
        negatives += [order[place] for place in range(start, end) if not hit[place]]
        start = end
        if positives:
            found.append(_Step(negatives, positives))
            negatives = []
    return found


def _row_sum(rows: Sequence[CountArray], items: Sequence[int]) -> CountArray:
    total = rows[items[0]]
    for item in items[1:]:
        total = total + rows[item]
    return total


def _ties(ordered: _Ordered) -> list[IntArray]:
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


def _one_hot(labels: Sequence[object]) -> FloatArray:
    numbers: dict[object, int] = {}
    codes = [numbers.setdefault(label, len(numbers)) for label in labels]
    hot = np.zeros((len(codes), len(numbers)))
    hot[np.arange(len(codes)), codes] = 1.0
    return hot


def _entropy(counts: FloatArray) -> FloatArray:
    share = counts / counts.sum(axis=1, keepdims=True)
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(-(share * logs).sum(axis=1), dtype=np.float64)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
