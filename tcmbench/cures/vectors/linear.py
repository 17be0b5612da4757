"""A linear map of query vectors, near the identity: closed form (ridge) and trained (InfoNCE over all documents).

Ridge regression shrunk towards the identity: Hoerl and Kennard, "Ridge Regression", Technometrics 12(1), 1970, with
the identity as prior mean. InfoNCE: van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive
Coding", 2018. `docs/cures.md` has the formulas.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tcmbench.ranking import fusion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tcmbench.ranking.metrics import Relevant
    from tcmbench.ranking.topk import Integers

    Vectors = NDArray[np.float32]
    Map = NDArray[np.float64]

PENALTIES = (math.inf, *(10.0**power for power in (5, 4.5, 4, 3.5, 3, 2.5, 2, 1.5, 1, 0.5, 0)))
"""Penalties that are tried, strongest first; infinity is the identity."""

_ROWS = 2048
_BETAS = (0.9, 0.999)
_EPSILON = 1e-8


class QuerySplit(NamedTuple):
    """Queries with their relevant documents, among documents of their own numbering."""

    queries: Vectors
    """Unit vectors, (queries, dimensions)."""

    relevant: Relevant
    """Relevant documents of the queries."""


class Documents(NamedTuple):
    """The documents that are searched."""

    vectors: Vectors
    """Unit vectors, (documents, dimensions)."""

    order: Integers
    """`topk.id_order` of the documents."""


class ChosenMap(NamedTuple):
    """The map with the highest nDCG@10 on the dev split."""

    matrix: Map
    """W of q′ = q W, (dimensions, dimensions)."""

    setting: float
    """Its penalty, or its step."""

    curve: tuple[tuple[float, float], ...]
    """Every penalty, or every measured step, with its mean nDCG@10; the first is the identity's."""


def ridge(split: QuerySplit, documents: Vectors, *, penalty: float) -> Map:
    """Return the W that minimises ‖Q W − D⁺‖² + penalty · ‖W − I‖², in double precision.

    A query with several relevant documents counts once for each. At an infinite penalty W is the identity.

    Args:
        split: Training queries.
        documents: Unit vectors of documents.
        penalty: At least 0; at 0 the queries must span all dimensions.

    Raises:
        ValueError: Without a penalty, there is no unique solution.
    """
    size = split.queries.shape[1]
    if math.isinf(penalty):
        return np.eye(size)
    there = split.relevant.document >= 0
    queries = split.queries[split.relevant.query[there]].astype(np.float64)
    positives = documents[split.relevant.document[there]].astype(np.float64)
    left = queries.T @ queries + penalty * np.eye(size)
    try:
        return np.asarray(np.linalg.solve(left, queries.T @ positives + penalty * np.eye(size)))
    except np.linalg.LinAlgError as error:
        raise ValueError("the queries don't span all dimensions: expected a penalty above 0") from error


def closed_form(train: QuerySplit, dev: QuerySplit, documents: Documents, *, penalties: Sequence[float]) -> ChosenMap:
    """Return the ridge solution whose penalty has the highest nDCG@10 on dev; of equal ones the strongest penalty."""
    ordered = sorted({math.inf, *penalties}, reverse=True)
    maps = [ridge(train, documents.vectors, penalty=penalty) for penalty in ordered]
    means = [dev_ndcg(matrix, dev, documents) for matrix in maps]
    best = int(np.argmax(means))
    return ChosenMap(maps[best], ordered[best], tuple(zip(ordered, means, strict=True)))


def given(train: QuerySplit, dev: QuerySplit, documents: Documents, *, penalty: float) -> ChosenMap:
    """Return the ridge solution of a penalty, with its nDCG@10 on dev after the identity's."""
    matrices = {each: ridge(train, documents.vectors, penalty=each) for each in (math.inf, penalty)}
    curve = tuple((each, dev_ndcg(matrix, dev, documents)) for each, matrix in matrices.items())
    return ChosenMap(matrices[penalty], penalty, curve)


class Schedule(NamedTuple):
    """How a map is trained."""

    steps: int
    """Maximum number of steps, each over all training queries."""

    learning_rate: float
    """Step size of Adam."""

    temperature: float
    """Temperature of InfoNCE."""

    every: int = 10
    """Steps between measurements on the dev split."""

    patience: int = 5
    """Measurements without a better one after which the training ends."""


def trained(train: QuerySplit, dev: QuerySplit, documents: Documents, schedule: Schedule) -> ChosenMap:
    """Return the map that was best on dev during a training from the identity; of equal ones the earliest.

    Deterministic: every step is over all queries and all documents, by Adam (Kingma and Ba, 2015).
    """
    matrix: NDArray[Any] = np.eye(train.queries.shape[1], dtype=np.float32)
    best, curve = matrix, [(0.0, dev_ndcg(matrix, dev, documents))]
    first: NDArray[Any] = np.zeros_like(matrix)
    second: NDArray[Any] = np.zeros_like(matrix)
    best_at = 0
    for step in range(1, schedule.steps + 1):
        gradient = info_nce(matrix, train, documents.vectors, temperature=schedule.temperature)[1]
        first = _BETAS[0] * first + (1 - _BETAS[0]) * gradient
        second = _BETAS[1] * second + (1 - _BETAS[1]) * gradient**2
        scale = math.sqrt(1 - _BETAS[1] ** step) / (1 - _BETAS[0] ** step)
        change = schedule.learning_rate * scale * first / (np.sqrt(second) + _EPSILON)
        matrix = (matrix - change).astype(np.float32)
        if step % schedule.every and step != schedule.steps:
            continue
        curve.append((float(step), dev_ndcg(matrix, dev, documents)))
        if curve[-1][1] > curve[best_at][1]:
            best, best_at = matrix, len(curve) - 1
        elif len(curve) - 1 - best_at >= schedule.patience:
            break
    return ChosenMap(best.astype(np.float64), curve[best_at][0], tuple(curve))


def info_nce(
    matrix: NDArray[Any], split: QuerySplit, documents: Vectors, *, temperature: float
) -> tuple[float, NDArray[Any]]:
    """Return the loss of mapped queries against all documents, and its gradient by the map, in the map's precision.

    Per relevant document −log softmax of the cosines divided by the temperature, averaged; the other relevant documents
    of the query are left out of its denominator.
    """
    there = split.relevant.document >= 0
    query, document = split.relevant.query[there], split.relevant.document[there]
    total, gradient = 0.0, np.zeros_like(matrix)
    columns = documents.astype(matrix.dtype)
    for start in range(0, query.size, _ROWS):
        some, positive = query[start : start + _ROWS], document[start : start + _ROWS]
        sources = split.queries[some].astype(matrix.dtype)
        raw = sources @ matrix
        lengths = np.linalg.norm(raw, axis=1, keepdims=True)
        unit = raw / lengths
        logits = unit @ columns.T / temperature
        rows = np.arange(some.size)
        own = logits[rows, positive].copy()
        _leave_out_other_positives(logits, some, query, document)
        logits[rows, positive] = own
        logits -= logits.max(axis=1, keepdims=True)
        shares = np.exp(logits)
        shares /= shares.sum(axis=1, keepdims=True)
        total -= float(np.log(shares[rows, positive]).sum())
        shares[rows, positive] -= 1.0
        by_unit = shares @ columns / temperature
        by_raw = (by_unit - unit * np.sum(by_unit * unit, axis=1, keepdims=True)) / lengths
        gradient += sources.T @ by_raw
    return total / query.size, gradient / query.size


def _leave_out_other_positives(
    logits: NDArray[Any], some: NDArray[np.int64], query: NDArray[np.int64], document: NDArray[np.int64]
) -> None:
    """Set the logits of all relevant documents of the queries to −∞, in place."""
    low, high = np.searchsorted(query, some), np.searchsorted(query, some, side="right")
    for row, (start, stop) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        logits[row, document[start:stop]] = -np.inf


def dev_ndcg(matrix: NDArray[Any], dev: QuerySplit, documents: Documents) -> float:
    """Return the mean nDCG@10 of mapped queries."""
    queries = mapped(dev.queries, matrix)
    columns = documents.vectors.T
    return fusion.mean_ndcg(lambda block: queries[block] @ columns, dev.relevant, order=documents.order)


def mapped(queries: Vectors, matrix: NDArray[Any]) -> Vectors:
    """Return q W of unit length, single precision."""
    raw = queries.astype(np.float64) @ matrix
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    return np.divide(raw, lengths, out=raw, where=lengths > 0).astype(np.float32)
