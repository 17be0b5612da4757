"""Ranking metrics from the ranks of the relevant documents alone, to the last bit of trec_eval's.

trec_eval, which mteb calls, iterates over every retrieved document of every query. All its measures follow from the few
ranks of relevant documents. Sums are taken in its order (down the ranking), so results are equal, not just close.
"""

from __future__ import annotations

import heapq
import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

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
    """Number of the document; -1 where the corpus doesn't contain it."""

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


def per_query(retrieved: Hits, relevant: Relevant, *, k_values: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Return NDCG@k, MAP@k, Recall@k, P@k, HitRate@k and MRR@k of every query, under mteb's internal names."""
    blocks = [
        _block(retrieved, relevant, start=start, stop=min(start + _ROWS, relevant.queries), k_values=k_values)
        for start in range(0, relevant.queries, _ROWS)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def mean(values: NDArray[np.float64]) -> float:
    """Return the mean as mteb takes it: Python's sum over a list, divided by its length."""
    # numpy sums in pairs, which can change the fifth decimal.
    return sum(values.tolist()) / len(values)


class Confidence(NamedTuple):
    """Confidence of a model in its results for each query, from the scores of the documents retrieved."""

    max: NDArray[np.float64]
    std: NDArray[np.float64]
    diff1: NDArray[np.float64]


def confidence(scores: Floats, *, dropped: Integers | None = None) -> Confidence:
    """Return mteb's confidence of each row of scores, sorted descending.

    Args:
        scores: (queries, k), all rows with the same number of documents.
        dropped: Position of a score to leave out of each row, or -1.
    """
    rows, k = scores.shape
    if dropped is not None and (dropped >= 0).any():
        return _confidence_without(scores, dropped)
    if k == 0:
        zeros = np.zeros(rows)
        return Confidence(zeros, zeros, zeros)
    wide = scores.astype(np.float64)
    diff1 = wide[:, 0] - wide[:, 1] if k > 1 else np.zeros(rows)
    # np.std rounds by order, also that of memory, which indexing would transpose; mteb's order is the layout of its
    # heap. A tie more or less changes nAUC.
    return Confidence(wide[:, 0].copy(), np.std(np.take(wide, heap_layout(k), axis=1), axis=1), diff1)


@cache
def heap_layout(k: int) -> NDArray[np.int64]:
    """Return the rank at each position of a binary heap into which `k` scores were pushed, best first.

    Equal scores don't change the value at any position, so one layout holds for all rows.
    """
    heap: list[int] = []
    for rank in range(k):
        heapq.heappush(heap, -rank)
    return -np.array(heap, dtype=np.int64)


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


def _confidence_without(scores: Floats, dropped: Integers) -> Confidence:
    """Return the confidence with one score of some rows left out."""
    columns: list[Any] = []
    layout = heap_layout(scores.shape[1])
    for row, place in zip(scores.astype(np.float64), dropped.tolist(), strict=True):
        kept = row[layout[layout != place]]
        best = np.delete(row, place) if place >= 0 else row
        columns.append(
            (
                best[0] if best.size else 0.0,
                np.std(kept) if best.size else 0.0,
                best[0] - best[1] if best.size > 1 else 0.0,
            )
        )
    table = np.array(columns, dtype=np.float64).reshape(-1, 3)
    return Confidence(table[:, 0], table[:, 1], table[:, 2])


def _block(
    retrieved: Hits, relevant: Relevant, *, start: int, stop: int, k_values: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Return the metrics of the queries from `start` to `stop`."""
    deepest = max(k_values)
    discount = np.array([math.log2(place + 2) for place in range(deepest)])
    rank, gain = _padded(retrieved, start=start, stop=stop, deepest=deepest)
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
    """Return the sums of the first 0, 1, 2 … terms of each row, added in order."""
    sums = np.zeros((terms.shape[0], terms.shape[1] + 1))
    np.cumsum(terms, axis=1, out=sums[:, 1:])
    return sums


def _places(query: NDArray[np.int64], *, start: int, rows: int) -> NDArray[np.int64]:
    """Return the position of each entry within its query, for entries ordered by query."""
    counts = np.bincount(query - start, minlength=rows)
    return np.arange(query.size) - np.repeat(np.cumsum(counts) - counts, counts)


def _padded(retrieved: Hits, *, start: int, stop: int, deepest: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return ranks and gains of the hits above `deepest`, one row per query, padded with `deepest` and 0."""
    low, high = np.searchsorted(retrieved.query, [start, stop])
    kept = np.flatnonzero(retrieved.rank[low:high] < deepest) + low
    query = retrieved.query[kept]
    places = _places(query, start=start, rows=stop - start)
    width = int(places.max()) + 1 if places.size else 0
    rank = np.full((stop - start, width), deepest, dtype=np.int64)
    gain = np.zeros((stop - start, width))
    rank[query - start, places] = retrieved.rank[kept]
    gain[query - start, places] = retrieved.gain[kept]
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
