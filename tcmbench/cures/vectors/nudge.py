"""NUDGE: document vectors moved towards the training queries that they answer, at most by a bound.

Zeighami, Wellmer and Parameswaran, "NUDGE: Lightweight Non-Parametric Fine-Tuning of Embeddings for Retrieval", 2024
(arXiv:2409.02343). Written from the paper's formulas, which `docs/cures.md` has. Unlike there, the bound is chosen by
nDCG@10, and the vectors of NUDGE-M are given unit length, since documents are compared by cosine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from tcmbench.ranking import fusion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tcmbench.ranking.metrics import Relevant
    from tcmbench.ranking.topk import Integers

    Vectors = NDArray[np.float32]

Norm = Literal["N", "M"]

GRID = tuple(step / 20 for step in range(41))
"""Bounds that are tried: 0, 0.05, … 2, the largest distance of two unit vectors."""

_LEAST = 1e-12


Others = Literal["stay", "mean"]


class ChosenBound(NamedTuple):
    """The bound with the highest nDCG@10."""

    bound: float
    """Longest move of a document; the shortest of those with the same nDCG@10."""

    curve: tuple[tuple[float, float], ...]
    """Every bound of the grid with its mean nDCG@10."""


def directions(queries: Vectors, relevant: Relevant, *, documents: int) -> NDArray[np.float64]:
    """Return G: per document the sum of the training queries that it answers, (documents, dimensions).

    Args:
        queries: Unit vectors, (queries, dimensions).
        relevant: Relevant documents of the queries; those that aren't among the documents (-1) move nothing.
        documents: Number of documents.
    """
    sums = np.zeros((documents, queries.shape[1]))
    there = relevant.document >= 0
    np.add.at(sums, relevant.document[there], queries[relevant.query[there]].astype(np.float64))
    return sums


def with_others(towards: NDArray[np.float64], queries: Vectors, *, others: Others) -> NDArray[np.float64]:
    """Return G with a direction for documents without training queries.

    All moved documents come nearer to queries as such, whatever they are about, and so outrank those that stay. With
    `mean` these move by the same bound towards the mean of all training queries, an extension of the paper's method.

    Args:
        towards: `directions`.
        queries: Unit vectors of the training queries.
        others: `stay`: as in the paper; `mean`: towards the mean query.
    """
    if others == "stay":
        return towards
    lacking = np.linalg.norm(towards, axis=1) <= _LEAST
    return np.where(lacking[:, None], queries.astype(np.float64).mean(axis=0), towards)


def moved(vectors: Vectors, towards: NDArray[np.float64], *, bound: float, norm: Norm) -> Vectors:
    """Return the documents moved to where the sum of similarities to their queries is largest, of unit length.

    Documents without queries, and all at bound 0, are returned bit for bit.

    Args:
        vectors: Unit vectors of documents, (documents, dimensions).
        towards: `directions`.
        bound: Longest move, 0 … 2.
        norm: `N`: the best unit vector within the bound, on the arc from the document to the direction of its queries;
            `M`: the best vector within the bound, whatever its length, which is then given unit length.
    """
    lengths = np.linalg.norm(towards, axis=1)
    rows = np.flatnonzero(lengths > _LEAST)
    result = vectors.copy()
    if bound == 0 or not rows.size:
        return result
    before = vectors[rows].astype(np.float64)
    before /= np.linalg.norm(before, axis=1, keepdims=True)
    target = towards[rows] / lengths[rows, None]
    after = _rotated(before, target, bound=bound) if norm == "N" else before + bound * target
    sizes = np.linalg.norm(after, axis=1, keepdims=True)
    # A document opposite to its queries may be moved into the origin, which is no direction.
    usable = sizes[:, 0] > _LEAST
    result[rows[usable]] = (after[usable] / sizes[usable]).astype(np.float32)
    return result


def _rotated(before: NDArray[np.float64], target: NDArray[np.float64], *, bound: float) -> NDArray[np.float64]:
    """Return unit vectors rotated towards the target by a chord of at most the bound."""
    cosine = np.clip(np.sum(before * target, axis=1), -1.0, 1.0)
    across = target - cosine[:, None] * before
    sizes = np.linalg.norm(across, axis=1)
    # Where the target is the document or its opposite, no direction is better than another: the document stays.
    across = np.divide(across, sizes[:, None], out=np.zeros_like(across), where=sizes[:, None] > _LEAST)
    angle = np.where(sizes > _LEAST, np.minimum(np.arccos(cosine), 2 * np.arcsin(min(bound, 2.0) / 2)), 0.0)
    return np.cos(angle)[:, None] * before + np.sin(angle)[:, None] * across


def choose_bound(
    vectors: Vectors,
    towards: NDArray[np.float64],
    *,
    queries: Vectors,
    relevant: Relevant,
    order: Integers,
    norm: Norm,
    grid: Sequence[float] = GRID,
) -> ChosenBound:
    """Return the bound with the highest mean nDCG@10 of the dev queries; of equal ones the shortest.

    Args:
        vectors: Unit vectors of documents, (documents, dimensions).
        towards: `directions` of the training queries.
        queries: Unit vectors of the dev queries.
        relevant: Relevant documents of the dev queries.
        order: `topk.id_order` of the documents.
        norm: `N` or `M`, as in `moved`.
        grid: Bounds that are tried.
    """
    bounds = sorted(set(grid))
    means = []
    for bound in bounds:
        documents = moved(vectors, towards, bound=bound, norm=norm).T
        means.append(fusion.mean_ndcg(lambda block: queries[block] @ documents, relevant, order=order))  # noqa: B023
    return ChosenBound(bounds[int(np.argmax(means))], tuple(zip(bounds, means, strict=True)))
