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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.stats.inputs import FloatArray, IntArray

ItemStatistic = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""From resamples × items (counts) to one value a resample."""


class _Ordered(NamedTuple):
    """Items sorted by value, equal values together."""

    order: IntArray
    ends: IntArray
    group: IntArray


def mean(values: npt.ArrayLike) -> ItemStatistic:
    """Return the plain mean of items: accuracy where they are right or wrong."""
    row = inputs.row(values, what="items")

    def statistic(counts: FloatArray) -> FloatArray:
        return np.asarray((counts @ row) / counts.sum(axis=1), dtype=np.float64)

    return statistic


def spearman(values: npt.ArrayLike, gold: npt.ArrayLike) -> ItemStatistic:
    """Return Spearman's rank correlation, ties at their mean rank (Spearman 1904; as scipy.stats.spearmanr)."""
    left, right = inputs.row(values, what="similarities"), inputs.row(gold, what="gold")
    inputs.same_items(len(left), len(right), what="similarities")
    by_left, by_right = _ordered(left), _ordered(right)

    def statistic(counts: FloatArray) -> FloatArray:
        middle = (counts.sum(axis=1, keepdims=True) + 1) / 2
        a, b = _ranks(counts, by_left) - middle, _ranks(counts, by_right) - middle
        weighted = counts * a
        covariance = np.einsum("ij,ij->i", weighted, b)
        spread_a = np.einsum("ij,ij->i", weighted, a)
        spread_b = np.einsum("ij,ij,ij->i", counts, b, b)
        return _ratio(covariance, np.sqrt(spread_a * spread_b))

    return statistic


def average_precision(values: npt.ArrayLike, gold: npt.ArrayLike) -> ItemStatistic:
    """Return Σ (recall step × precision) over falling thresholds, equal scores at once (as scikit-learn's)."""
    scores, positive = inputs.row(values, what="similarities"), inputs.row(gold, what="gold") > 0
    inputs.same_items(len(scores), len(positive), what="similarities")
    ordered = _ordered(-scores)
    sorted_positive = positive[ordered.order].astype(np.float64)

    def statistic(counts: FloatArray) -> FloatArray:
        drawn = counts[:, ordered.order]
        retrieved = np.cumsum(drawn, axis=1)[:, ordered.ends]
        hits = np.cumsum(drawn * sorted_positive, axis=1)[:, ordered.ends]
        precision = np.divide(hits, retrieved, out=np.zeros_like(hits), where=retrieved > 0)
        steps = np.diff(hits, axis=1, prepend=0.0)
        return _ratio((steps * precision).sum(axis=1), hits[:, -1])

    return statistic


def macro_mean(values: npt.ArrayLike, groups: Sequence[object]) -> ItemStatistic:
    """Return the mean over groups of the mean of their items: macro-R@1; groups that were not drawn don't count."""
    row = inputs.row(values, what="items")
    inputs.same_items(len(groups), len(row), what="groups")
    member = _one_hot(groups)

    def statistic(counts: FloatArray) -> FloatArray:
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

    def statistic(counts: FloatArray) -> FloatArray:
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

    def statistic(counts: FloatArray) -> FloatArray:
        joint = _entropy(counts @ pairs)
        by_cluster, by_class = _entropy(counts @ found), _entropy(counts @ true)
        # mutual information over the mean of both entropies; with one class and one cluster everything agrees
        mutual, mean_entropy = by_cluster + by_class - joint, (by_cluster + by_class) / 2
        value = np.divide(mutual, mean_entropy, out=np.ones_like(mutual), where=mean_entropy > 1e-12)
        return np.asarray(np.clip(value, 0.0, 1.0), dtype=np.float64)

    return statistic


def _ordered(values: FloatArray) -> _Ordered:
    order = np.argsort(values, kind="stable")
    is_new = np.diff(values[order]) != 0
    ends = np.append(np.flatnonzero(is_new), len(values) - 1)
    group = np.empty(len(values), dtype=np.int64)
    group[order] = np.concatenate([[0], np.cumsum(is_new)])
    return _Ordered(order.astype(np.int64), ends.astype(np.int64), group)


def _ranks(counts: FloatArray, ordered: _Ordered) -> FloatArray:
    """Return resamples × items: mean rank of each item among the items drawn."""
    last = np.cumsum(counts[:, ordered.order], axis=1)[:, ordered.ends]
    middle = last - (np.diff(last, axis=1, prepend=0.0) - 1) / 2
    return middle[:, ordered.group]


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
