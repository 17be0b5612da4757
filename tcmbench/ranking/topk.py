"""Exact top-k of a score matrix, in an order that doesn't depend on the implementation.

mteb keeps, per query, the documents that `torch.topk` selects and ranks them by (score, document id), both descending.
numpy's partial sort selects the same documents three times faster; the two can differ only where equal scores straddle
the last position, and there torch is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]
Integers = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]


class TopK(NamedTuple):
    """The best documents of each query, best first."""

    scores: Floats
    """Scores, (queries, k)."""

    documents: Integers
    """Document numbers, (queries, k)."""


def id_order(ids: Sequence[str]) -> Integers:
    """Return the position of each id among all ids in ascending code point order (as Python and strcmp sort)."""
    places = np.empty(len(ids), dtype=np.int32)
    # numpy's string arrays drop trailing NULs, so the sort is Python's.
    places[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids), dtype=np.int32)
    return places


def row_blocks(rows: int, *, size: int) -> Iterator[slice]:
    """Yield slices of about `size` rows, none of a single row unless there is only one.

    A product of one row goes through another kernel (gemv) and rounds differently from the same row inside a
    larger product; blocks of two rows and more give the same bits.
    """
    start = 0
    while start < rows:
        stop = min(start + max(size, 2), rows)
        if rows - stop == 1:
            stop = rows
        yield slice(start, stop)
        start = stop


def top_k(scores: Floats, *, k: int, order: Integers) -> TopK:
    """Return the `k` best documents per row, ordered by (score, id) descending.

    Args:
        scores: (queries, documents). NaN counts as larger than everything.
        k: Number of documents; all are returned where there are fewer.
        order: `id_order` of the documents.
    """
    documents = scores.shape[1]
    # mteb selects k + 1 with torch.topk and then drops the last by (score, id).
    picked = min(k + 1, documents)
    if picked == documents:
        index = np.argsort(scores, axis=1)[:, ::-1].astype(np.int32)
        values = np.take_along_axis(scores, index, axis=1)
    else:
        index = _select(scores, picked=picked)
        values = np.take_along_axis(scores, index, axis=1)
        by_score = np.argsort(values, axis=1)[:, ::-1]
        index = np.take_along_axis(index, by_score, axis=1)
        values = np.take_along_axis(values, by_score, axis=1)
    settle_ties(values, index, order=order)
    return TopK(values[:, :k], index[:, :k])


def merge(first: TopK, second: TopK, *, k: int, order: Integers) -> TopK:
    """Return the `k` best of two lists over different documents, in the same order."""
    values = np.concatenate([first.scores, second.scores], axis=1)
    index = np.concatenate([first.documents, second.documents], axis=1)
    by_score = np.argsort(values, axis=1)[:, ::-1]
    values = np.take_along_axis(values, by_score, axis=1)
    index = np.take_along_axis(index, by_score, axis=1)
    settle_ties(values, index, order=order)
    return TopK(values[:, :k].copy(), index[:, :k].copy())


def settle_ties(values: Floats, index: Integers, *, order: Integers) -> None:
    """Put equal scores of rows sorted by score into descending id order, in place."""
    if values.shape[1] < 2:
        return
    equal = values[:, 1:] == values[:, :-1]
    rows, places = np.nonzero(equal)
    if not rows.size:
        return
    longer = np.unique(rows[1:][(rows[1:] == rows[:-1]) & (places[1:] == places[:-1] + 1)])
    # Pairs are by far the most common (float32 cosines of a thousand documents hold one in every third row).
    left, right = index[rows, places], index[rows, places + 1]
    wrong = (order[left] < order[right]) & ~np.isin(rows, longer)
    index[rows[wrong], places[wrong]] = right[wrong]
    index[rows[wrong], places[wrong] + 1] = left[wrong]
    for start in range(0, longer.size, 512):
        some = longer[start : start + 512]
        sorting = np.lexsort((order[index[some]], values[some]), axis=1)[:, ::-1]
        index[some] = np.take_along_axis(index[some], sorting, axis=1)


def _select(scores: Floats, *, picked: int) -> Integers:
    """Return the unordered document numbers that torch.topk would pick."""
    last = scores.shape[1] - picked
    index = np.argpartition(scores, last, axis=1)[:, last:].astype(np.int32)
    boundary = np.take_along_axis(scores, index[:, :1], axis=1)
    straddled = np.flatnonzero(np.count_nonzero(scores >= boundary, axis=1) != picked)
    if straddled.size:
        import torch

        index[straddled] = torch.topk(torch.from_numpy(scores[straddled]), picked, dim=1).indices.numpy()
    return index
