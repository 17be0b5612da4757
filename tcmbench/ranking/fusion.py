"""Fusion of two score matrices over the same queries and documents: hybrid search.

Reciprocal rank fusion: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods", SIGIR 2009. Convex combination of normalised scores, and its comparison with rank fusion: Bruch, Gai
and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 42(1), 2023. `docs/cures.md` has the
formulas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from tcmbench.errors import EvaluationError
from tcmbench.ranking import metrics
from tcmbench.ranking.topk import row_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tcmbench.ranking.metrics import Relevant
    from tcmbench.ranking.topk import Floats, Integers

Method = Literal["zscore", "minmax", "rrf"]

RRF_K = 60.0
"""Constant of reciprocal rank fusion, as in the paper."""

GRID = tuple(step / 20 for step in range(21))
"""Weights of the second scores among which `choose_weight` chooses: 0, 0.05, … 1."""

DEPTH = 10
"""Cut-off of the nDCG by which a weight is chosen."""

_BLOCK = 1 << 22
"""Scores that are fused at once."""


class ChosenWeight(NamedTuple):
    """The weight with the highest nDCG@10."""

    weight: float
    """Weight of the second scores; the smallest of those with the same nDCG@10."""

    curve: tuple[tuple[float, float], ...]
    """Every weight of the grid with its mean nDCG@10."""


def fuse(first: Floats, second: Floats, *, method: Method, weight: float, rrf_k: float = RRF_K) -> NDArray[np.float32]:
    """Return the fused scores, higher for better documents, (queries, documents).

    At weight 0 and 1 they are the scores of one part as they are, so that its ranking is kept to the last tie. In
    between they are normalised per query over the documents given; a query whose scores are all equal counts as 0
    everywhere. Single precision, in which trec_eval ranks.

    Args:
        first: Scores, (queries, documents), higher for better.
        second: Scores of the same queries and documents.
        method: `zscore`: standardised scores; `minmax`: scores scaled to 0 … 1; `rrf`: reciprocal ranks.
        weight: Share of the second scores, 0 … 1.
        rrf_k: Constant of reciprocal rank fusion.
    """
    if weight == 0:
        return np.asarray(first, dtype=np.float32)
    if weight == 1:
        return np.asarray(second, dtype=np.float32)
    return combined(
        normalised(first, method=method, rrf_k=rrf_k), normalised(second, method=method, rrf_k=rrf_k), weight=weight
    )


def combined(first: NDArray[np.float64], second: NDArray[np.float64], *, weight: float) -> NDArray[np.float32]:
    """Return (1 − weight) · first + weight · second in single precision."""
    return ((1.0 - weight) * first + weight * second).astype(np.float32)


def normalised(scores: Floats, *, method: Method, rrf_k: float = RRF_K) -> NDArray[np.float64]:
    """Return scores made comparable between models, per query (row).

    Equal scores have equal results: in reciprocal rank fusion they share the mean of their ranks, as otherwise the
    many documents without a term of the query would be ordered by their place in the corpus.
    """
    wide = scores.astype(np.float64)
    if not wide.shape[1]:
        return wide
    if method == "zscore":
        return _divided(wide - wide.mean(axis=1, keepdims=True), wide.std(axis=1, keepdims=True))
    if method == "minmax":
        low = wide.min(axis=1, keepdims=True)
        return _divided(wide - low, wide.max(axis=1, keepdims=True) - low)
    from scipy.stats import rankdata

    ranks: NDArray[np.float64] = rankdata(-wide, method="average", axis=1)
    return 1.0 / (rrf_k + ranks)


def _divided(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def choose_weight(
    first: Floats,
    second: Floats,
    relevant: Relevant,
    *,
    order: Integers,
    method: Method,
    rrf_k: float = RRF_K,
    grid: Sequence[float] = GRID,
) -> ChosenWeight:
    """Return the weight of the second scores with the highest mean nDCG@10; of equal ones the smallest.

    Args:
        first: Scores, (queries, documents).
        second: Scores of the same queries and documents.
        relevant: Relevant documents of the queries.
        order: `topk.id_order` of the documents, which breaks ties.
        method: How scores are made comparable.
        rrf_k: Constant of reciprocal rank fusion.
        grid: Weights that are tried.
    """
    weights = sorted(set(grid))
    values: list[list[NDArray[np.float64]]] = [[] for _ in weights]
    for block in row_blocks(len(first), size=max(_BLOCK // max(first.shape[1], 1), 1)):
        parts = [normalised(scores[block], method=method, rrf_k=rrf_k) for scores in (first, second)]
        judged = _within(relevant, block)
        for weight, found in zip(weights, values, strict=True):
            if weight in {0.0, 1.0}:
                scores = (first, second)[int(weight)][block].astype(np.float32)
            else:
                scores = combined(*parts, weight=weight)
            found.append(ndcg(scores, judged, order=order))
    means = [metrics.mean(np.concatenate(found)) for found in values]
    return ChosenWeight(weights[int(np.argmax(means))], tuple(zip(weights, means, strict=True)))


def ndcg(scores: Floats, relevant: Relevant, *, order: Integers, depth: int = DEPTH) -> NDArray[np.float64]:
    """Return the nDCG of every query, ranked by (score, id) descending as in mteb.

    Args:
        scores: (queries, documents).
        relevant: Relevant documents of the queries; one that isn't among the documents is never found.
        order: `topk.id_order` of the documents.
        depth: Cut-off.

    Raises:
        EvaluationError: A relevant document has no finite score: no comparison holds for it, as if it were the first.
    """
    there = np.flatnonzero(relevant.document >= 0)
    query, document = relevant.query[there], relevant.document[there]
    ranks = np.empty(there.size, dtype=np.int64)
    for block in _chunks(there.size, size=max(_BLOCK // max(scores.shape[1], 1), 1)):
        rows = scores[query[block]]
        own = np.take_along_axis(rows, document[block][:, None], axis=1)
        if not np.isfinite(own).all():
            raise EvaluationError("expected finite scores of queries and documents, got NaN or infinity")
        before = (rows > own) | ((rows == own) & (order[None, :] > order[document[block]][:, None]))
        ranks[block] = np.count_nonzero(before, axis=1)
    found = metrics.hits(query, ranks, relevant.gain[there])
    return metrics.per_query(found, relevant, k_values=[depth])[f"NDCG@{depth}"]


def mean_ndcg(scores_of: Callable[[slice], Floats], relevant: Relevant, *, order: Integers) -> float:
    """Return the mean nDCG@10 of queries whose scores are computed block by block."""
    size = max(_BLOCK // max(order.size, 1), 1)
    blocks = row_blocks(relevant.queries, size=size)
    return metrics.mean(np.concatenate([ndcg(scores_of(b), _within(relevant, b), order=order) for b in blocks]))


def _within(relevant: Relevant, block: slice) -> Relevant:
    """Return the relevant documents of some queries, numbered from the first of them."""
    low, high = np.searchsorted(relevant.query, [block.start, block.stop])
    return metrics.Relevant(
        relevant.query[low:high] - block.start,
        relevant.document[low:high],
        relevant.gain[low:high],
        block.stop - block.start,
    )


def _chunks(count: int, *, size: int) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
