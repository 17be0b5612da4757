"""The nearest documents by vectors, for corpora whose scores are too many to be computed in full.

FAISS returns a few candidates more than are needed per query, exactly and without a copy of the vectors; the rules of
`choice` are applied to these. A query whose candidates don't suffice, because margins refuse them or scores at the end
of the list are equal, is scored against all documents instead. So the choice is that of `select`, up to the rounding of
inner products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.miners.selection.choice import Candidates, require_enough, select, thresholds
from tcmbench.miners.selection.forbidden import Forbidden

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.miners import Corpus, Queries
    from tcmbench.miners.selection.choice import Selection

_BLOCK_QUERIES = 1024

_SPARE = (64, 4096)
"""Candidates beyond the fewest that can suffice, at first and where these don't: margins refuse what is above the
positive, which is often few and sometimes thousands."""


def select_nearest(
    queries: Queries,
    corpus: Corpus,
    vectors: tuple[NDArray[np.float32], NDArray[np.float32]],
    selection: Selection,
    *,
    scores: Callable[[Queries], NDArray[np.float32]],
) -> Candidates:
    """Return what `select` returns for inner products.

    Args:
        queries: The queries, sorted by id.
        corpus: The documents.
        vectors: Of the queries and of the documents [texts, dimensions].
        selection: Which documents may be negatives.
        scores: Returns all scores of a block of queries, for those whose candidates don't suffice.

    Raises:
        DataError: A query has fewer allowed documents than `selection.count`.
    """
    import faiss
    import numpy as np

    of_queries, documents = vectors
    forbidden = Forbidden.of(queries, corpus, exclude_merged_labels=selection.exclude_merged_labels)
    require_enough(queries, corpus, forbidden, selection.count)
    total = len(queries.ids)
    positions = np.full((total, selection.count), -1, dtype=np.int32)
    accepted = np.full(total, selection.count, dtype=np.int32)
    left = np.arange(total)
    for spare in _SPARE:
        for block in np.array_split(left, -(-len(left) // _BLOCK_QUERIES) or 1):
            rows = block.tolist()
            banned = max((len(forbidden.banned_of(row)) for row in rows), default=0)
            depth = min(selection.count + selection.skip_top + banned + spare, len(documents))
            scored = faiss.knn(of_queries[block], documents, depth, metric=faiss.METRIC_INNER_PRODUCT)
            limits = thresholds(_lowest_positives(of_queries, documents, forbidden, rows), selection)
            for row, values, places, limit in zip(rows, *scored, limits.tolist(), strict=True):
                if depth < len(documents):
                    # Documents with the score of the last candidate may be missing.
                    values[values == values.min()] = -np.inf
                free = [
                    place
                    for place in np.lexsort((places, -values)).tolist()
                    if values[place] > -np.inf and int(places[place]) not in forbidden.banned_of(row)
                ]
                chosen = [int(places[place]) for place in free[selection.skip_top :] if values[place] <= limit]
                if len(chosen) >= selection.count:
                    positions[row] = chosen[: selection.count]
        left = left[positions[left, 0] < 0]
    if len(left):
        rest = select(queries.take(left.tolist()), corpus, scores, selection)
        positions[left], accepted[left] = rest.positions, rest.accepted
    return Candidates(positions, accepted)


def _lowest_positives(
    queries: NDArray[np.float32], documents: NDArray[np.float32], forbidden: Forbidden, rows: list[int]
) -> NDArray[np.float32]:
    """Return the lowest score of a positive of each query; +inf where none is in the corpus."""
    import numpy as np

    lowest = np.full(len(rows), np.inf, dtype=np.float32)
    for place, row in enumerate(rows):
        positives = [*forbidden.positive_of(row)]
        if positives:
            lowest[place] = (documents[positives] @ queries[row]).min()
    return lowest
