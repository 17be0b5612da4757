"""What searches by terms have in common: every document has a score; the best, or the candidates, are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


class Kept:
    """The documents that a search returns: the best of all, or of the candidates of each query."""

    def __init__(self, ids: Sequence[str], *, top_k: int, candidates: Mapping[str, Sequence[str]] | None) -> None:
        """Remember what is wanted.

        Args:
            ids: Documents in the order of their scores.
            top_k: Number of documents per query.
            candidates: Query id → documents, of which the best are kept; None for the best of all. A query that isn't
                listed has none.
        """
        self._ids = ids
        self._top_k = top_k
        self._candidates = candidates
        self._position = {doc_id: place for place, doc_id in enumerate(ids)}

    def of(self, query_id: str, scores: NDArray[np.float32]) -> dict[str, float]:
        """Return document id → score, given the score of every document; of equal ones the earlier comes first."""
        if self._candidates is None:
            pool = np.arange(len(scores))
        else:
            listed = dict.fromkeys(self._candidates.get(query_id, ()))
            pool = np.array([self._position[doc_id] for doc_id in listed], dtype=np.int64)
        # Stable on the negated array.
        chosen = pool[np.argsort(-scores[pool], kind="stable")[: self._top_k]]
        return {self._ids[place]: float(scores[place]) for place in chosen}
