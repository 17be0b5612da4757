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
    """Documents that may not be negatives, once for each distinct set of positives."""

    groups: NDArray[np.int64]
    """Row of `banned` and `positive` for each query."""

    banned: NDArray[np.bool_]
    positive: NDArray[np.bool_]

    @classmethod
    def of(cls, queries: Queries, corpus: Corpus, *, exclude_merged_labels: bool) -> Forbidden:
        """Return the forbidden documents of some queries."""
        import numpy as np

        at = {doc_id: position for position, doc_id in enumerate(corpus.ids)}
        copies = copies_of((corpus.texts, *corpus.forms))
        sets = {positives: row for row, positives in enumerate(dict.fromkeys(queries.positives))}
        banned = np.zeros((len(sets), len(corpus.ids)), dtype=np.bool_)
        positive = np.zeros_like(banned)
        for positives, row in sets.items():
            known = [at[doc_id] for doc_id in positives if doc_id in at]
            positive[row, known] = True
            for position in known:
                banned[row, copies[position]] = True
            if exclude_merged_labels:
                merged = {m for doc_id in positives for m in corpus.merged.get(doc_id, ())}
                for position in (at[doc_id] for doc_id in merged if doc_id in at):
                    banned[row, copies[position]] = True
        groups = np.fromiter((sets[p] for p in queries.positives), dtype=np.int64, count=len(queries.ids))
        return cls(groups, banned, positive)


def copies_of(forms: Iterable[Sequence[str | None]]) -> list[list[int]]:
    """Return for each document the positions of all documents that equal it in one of the forms, itself included."""
    copies: dict[int, set[int]] = {}
    for texts in forms:
        same: dict[str, list[int]] = {}
        for position, text in enumerate(texts):
            copies.setdefault(position, {position})
            if text is not None:
                same.setdefault(normalise(text), []).append(position)
        for positions in same.values():
            if len(positions) > 1:
                for position in positions:
                    copies[position].update(positions)
    return [sorted(copies[position]) for position in range(len(copies))]
