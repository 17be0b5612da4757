"""Ranking metrics from the ranks of the relevant documents alone, to the last bit of trec_eval's.

trec_eval, which mteb calls, walks every retrieved document of every query. All its measures follow from the
few ranks at which relevant documents stand. Sums run in its order (down the ranking), so results are equal,
not just close.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tcmbench.ranking.topk import Floats, Integers

_ROWS = 1024


class Relevant(NamedTuple):
    """The relevant documents of all queries, in columns, ordered by query."""

    query: NDArray[np.int64]
    """Number of the query."""

    document: NDArray[np.int64]
    """Number of the document; -1 when the corpus does not hold it."""

    gain: NDArray[np.int64]
    """Relevance, ≥ 1."""

    queries: int
    """Number of queries, with and without relevant documents."""


class Hits(NamedTuple):
    """Relevant documents that were retrieved, ordered by (query, rank)."""

    query: NDArray[np.int64]
    """Number of the query."""

    rank: NDArray[np.int64]
    """Rank, from 0."""

    gain: NDArray[np.int64]
    """Relevance, ≥ 1."""


def hits(query: Integers, rank: Integers, gain: Integers) -> Hits:
    """Return hits ordered by (query, rank)."""
    order = np.lexsort((rank, query))
    return Hits(query[order].astype(np.int64), rank[order].astype(np.int64), gain[order].astype(np.int64))


def per_query(found: Hits, relevant: Relevant, *, k_values: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Return NDCG@k, MAP@k, Recall@k, P@k, HitRate@k and MRR@k of every query, under mteb's internal names."""
    blocks = [
        _block(found, relevant, start=start, stop=min(start + _ROWS, relevant.queries), k_values=k_values)
        for start in range(0, relevant.queries, _ROWS)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def mean(values: NDArray[np.float64]) -> float:
    """Return the mean as mteb takes it: Python's sum over a list, divided by its length."""
    # numpy sums in pairs, which flips the fifth decimal now and then.
    return sum(values.tolist()) / len(values)


class Confidence(NamedTuple):
    """Three measures of how certain a model is of each query, from the scores of what it retrieved."""

    max: NDArray[np.float64]
    """Highest score."""

    std: NDArray[np.float64]
    """Standard deviation of the scores."""

    diff1: NDArray[np.float64]
    """Highest score minus the second highest."""


def confidence(scores: Floats, *, dropped: Integers | None = None) -> Confidence:
    """Return mteb's confidence of each row of scores, sorted descending; zeros for a row without scores.

    Args:
        scores: (queries, k), all rows with the same number of documents.
        dropped: Position of a score to leave out of each row, or -1.
    """
    rows, k = scores.shape
    wide = scores.astype(np.float64)
    kept = np.ones((rows, k), dtype=np.bool_) if dropped is None else np.arange(k) != dropped[:, None]
    count = np.maximum(kept.sum(axis=1), 1)[:, None]
    mean = wide.sum(axis=1, keepdims=True, where=kept) / count
    variance = np.square(wide - mean).sum(axis=1, keepdims=True, where=kept) / count
    head = np.concatenate([np.where(kept, wide, -np.inf)[:, :3], np.full((rows, 2), -np.inf)], axis=1)
    first, second = -np.sort(-head, axis=1)[:, :2].T
    second = np.where(np.isfinite(second), second, first)
    best, gap = (np.where(np.isfinite(first), value, 0.0) for value in (first, first - second))
    return Confidence(best, np.sqrt(variance[:, 0]), gap)


def abstention(metrics: Mapping[str, NDArray[np.float64]], conf: Confidence) -> dict[str, float]:
    """Return mteb's nAUC of every metric under every confidence (arXiv:2402.12997)."""
    names = list(metrics)
    table = np.stack([metrics[name] for name in names])
    rates = np.linspace(0, 1, 11)[:-1]
    best = np.stack([_curves(row, row[None], rates)[0] for row in table])
    result: dict[str, float] = {}
    curves = {field: _curves(getattr(conf, field), table, rates) for field in Confidence._fields}
    for row, name in enumerate(names):
        for field in Confidence._fields:
            result[f"nAUC_{name}_{field}"] = _normalised(curves[field][row], best[row], rates)
    return result


def _normalised(raw: NDArray[np.float64], best: NDArray[np.float64], rates: NDArray[np.float64]) -> float:
    """Return the area under an abstention curve, 0 for a flat one and 1 for the best one."""
    flat = best[0] * (rates[-1] - rates[0])
    area, best_area = np.trapezoid(raw, rates), np.trapezoid(best, rates)
    return float("nan") if best_area == flat else float((area - flat) / (best_area - flat))


def _curves(conf: NDArray[np.float64], metrics: NDArray[np.float64], rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each metric over the queries kept at each rate of abstention, (metrics, rates)."""
    order = np.argsort(conf, stable=True)
    ordered = conf[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    table = np.ascontiguousarray(metrics[:, order])
    # Queries of equal confidence share their mean (embeddings-benchmark/mteb#5613).
    if starts.size != conf.size:
        sizes = np.diff(np.r_[starts, conf.size])
        table = np.stack([np.repeat(np.add.reduceat(row, starts) / sizes, sizes) for row in table])
    cuts = [min(round(rate * conf.size), conf.size - 1) for rate in rates.tolist()]
    return np.stack([[row[cut:].mean() for cut in cuts] for row in table])


def _block(
    found: Hits, relevant: Relevant, *, start: int, stop: int, k_values: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Return the metrics of the queries from `start` to `stop`."""
    deepest = max(k_values)
    discount = np.array([math.log2(place + 2) for place in range(deepest)])
    rank, gain = _padded(found, start=start, stop=stop, deepest=deepest)
    judged = np.searchsorted(relevant.query, [start, stop])
    counts = np.bincount(relevant.query[slice(*judged)] - start, minlength=stop - start)
    ideal = _ideal(relevant, judged=slice(*judged), counts=counts, start=start, discount=discount)
    shown = np.minimum(rank, deepest - 1)
    dcg = _running(np.where(rank < deepest, gain / discount[shown], 0.0))
    place = np.arange(1, rank.shape[1] + 1)
    precision = _running(np.where(rank < deepest, place / (shown + 1), 0.0))
    first = rank[:, 0] if rank.shape[1] else np.full(stop - start, deepest)
    rows = np.arange(stop - start)
    some = np.maximum(counts, 1)
    result: dict[str, NDArray[np.float64]] = {}
    for k in k_values:
        seen = np.count_nonzero(rank < k, axis=1)
        best = ideal[rows, np.minimum(counts, k)]
        result[f"NDCG@{k}"] = np.divide(dcg[rows, seen], best, out=np.zeros(len(rows)), where=best > 0)
        result[f"MAP@{k}"] = precision[rows, seen] / some
        result[f"Recall@{k}"] = seen / some
        result[f"P@{k}"] = seen / k
        result[f"HitRate@{k}"] = (seen > 0).astype(np.float64)
        result[f"MRR@{k}"] = np.where(first < k, 1.0 / (first + 1), 0.0)
    return result


def _running(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the first 0, 1, 2 … terms of each row, added one after the other."""
    sums = np.zeros((terms.shape[0], terms.shape[1] + 1))
    np.cumsum(terms, axis=1, out=sums[:, 1:])
    return sums


def _places(query: NDArray[np.int64], *, start: int, rows: int) -> NDArray[np.int64]:
    """Return the place of each entry within its query, for entries ordered by query."""
    counts = np.bincount(query - start, minlength=rows)
    return np.arange(query.size) - np.repeat(np.cumsum(counts) - counts, counts)


def _padded(found: Hits, *, start: int, stop: int, deepest: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return ranks and gains of the hits above `deepest`, one row per query, padded with `deepest` and 0."""
    low, high = np.searchsorted(found.query, [start, stop])
    kept = np.flatnonzero(found.rank[low:high] < deepest) + low
    query = found.query[kept]
    places = _places(query, start=start, rows=stop - start)
    width = int(places.max()) + 1 if places.size else 0
    rank = np.full((stop - start, width), deepest, dtype=np.int64)
    gain = np.zeros((stop - start, width))
    rank[query - start, places] = found.rank[kept]
    gain[query - start, places] = found.gain[kept]
    return rank, gain


def _ideal(
    relevant: Relevant,
    *,
    judged: slice,
    counts: NDArray[np.int64],
    start: int,
    discount: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the discounted gain of the first 0, 1, 2 … documents of the best ranking of each query."""
    query, gain = relevant.query[judged], relevant.gain[judged]
    order = np.lexsort((-gain, query))
    query, gain = query[order], gain[order]
    places = _places(query, start=start, rows=counts.size)
    kept = places < discount.size
    width = min(int(counts.max(initial=0)), discount.size)
    terms = np.zeros((counts.size, width))
    terms[query[kept] - start, places[kept]] = gain[kept] / discount[places[kept]]
    return _running(terms)
