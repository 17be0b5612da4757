"""Documents that may not be a query's negatives: its positives, their copies, and documents merged with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.text.ngrams import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.miners import Corpus, Queries


class Forbidden(NamedTuple):
    """Documents that may not be negatives, once for each distinct set of positives.

    They are lists of positions: a matrix of all sets and documents would take 100 GB for a million documents.
    """

    groups: tuple[int, ...]
    """Place in `banned` and `positive` of each query."""

    banned: tuple[frozenset[int], ...]
    positive: tuple[frozenset[int], ...]
    """Those of them that are positives."""

    @classmethod
    def of(cls, queries: Queries, corpus: Corpus, *, exclude_merged_labels: bool) -> Forbidden:
        """Return the forbidden documents of some queries."""
        at = {doc_id: position for position, doc_id in enumerate(corpus.ids)}
        copies = copies_of((corpus.texts, *corpus.forms))
        sets = {positives: row for row, positives in enumerate(dict.fromkeys(queries.positives))}
        banned, positive = [], []
        for positives in sets:
            positive.append(frozenset(at[doc_id] for doc_id in positives if doc_id in at))
            right = set(positives)
            if exclude_merged_labels:
                right.update(merged for doc_id in positives for merged in corpus.merged.get(doc_id, ()))
            banned.append(frozenset(copy for doc_id in right if doc_id in at for copy in copies[at[doc_id]]))
        return cls(tuple(sets[positives] for positives in queries.positives), tuple(banned), tuple(positive))

    def banned_of(self, query: int) -> frozenset[int]:
        """Return the positions of the documents that may not be negatives of a query."""
        return self.banned[self.groups[query]]

    def positive_of(self, query: int) -> frozenset[int]:
        """Return the positions of the positives of a query."""
        return self.positive[self.groups[query]]

    def masks(self, queries: range, *, documents: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which documents are banned, and which are positives, of some queries [queries, documents]."""
        import numpy as np

        masks = np.zeros((2, len(queries), documents), dtype=np.bool_)
        for row, query in enumerate(queries):
            for mask, positions in zip(masks, (self.banned, self.positive), strict=True):
                mask[row, [*positions[self.groups[query]]]] = True
        return masks[0], masks[1]


def copies_of(forms: Iterable[Sequence[str | None]]) -> list[list[int]]:
    """Return for each document the positions of all documents that equal it in one of the forms, itself included."""
    copies: dict[int, set[int]] = {}
    documents = 0
    for texts in forms:
        documents = len(texts)
        first: dict[str, int] = {}
        same: dict[int, list[int]] = {}
        for position, text in enumerate(texts):
            if text is not None and (earlier := first.setdefault(normalise(text), position)) != position:
                same.setdefault(earlier, [earlier]).append(position)
        for positions in same.values():
            for position in positions:
                copies.setdefault(position, set()).update(positions)
    return [sorted(copies.get(position, (position,))) for position in range(documents)]
