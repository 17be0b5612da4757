"""The lines of a training file as arrays: record, documents and view, in the order of writing.

With in-batch negatives, a mined negative of one example may be the positive of another in its block. It is replaced by
a random document: as that positive it is in the batch already.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tcmbench.miners.selection import Forbidden
from tcmbench.trainsets.examples import ALL
from tcmbench.trainsets.pairs import corpus_of, queries_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tcmbench.data.label_map import LabelMap
    from tcmbench.trainsets.examples import Contents
    from tcmbench.trainsets.pairs import Pairs
    from tcmbench.trainsets.texts import Texts

IntArray = npt.NDArray[np.int64]

ABSENT = -1
"""No negative: a scored line of query and positive."""

_LINES_AT_ONCE = 2048


@dataclass(slots=True)
class Replaced:
    """Counts of replaced negatives."""

    replaced: int = 0
    """Negatives that were the positive of another example in their block."""

    kept_conflicts: int = 0
    """Such negatives that were kept, because no other document was left."""


class Lines(NamedTuple):
    """Consecutive lines."""

    record: IntArray
    """Position of the record."""

    positive: IntArray
    """Position of the positive."""

    negatives: IntArray
    """Lines × negatives: positions of the negatives of the line, or ABSENT."""

    view: IntArray
    """View of all documents of the line."""

    is_scored: bool
    """Whether a line is one pair of texts: the negative where there is one, else the positive."""


def lines_in_order(contents: Contents, *, label_map: LabelMap | None, seed: int, replaced: Replaced) -> Iterator[Lines]:
    """Yield all lines in training order, a few thousand at a time; replacements are counted in `replaced`."""
    pairs, texts, examples, order = contents
    replacer = _Replacer(pairs, texts, label_map, seed=seed, counted=replaced) if order.is_label_unique else None
    record_of = np.array([pair.record for pair in pairs.pairs], dtype=np.int64)
    positive_of = np.array([pair.positive for pair in pairs.pairs], dtype=np.int64)
    negatives_of = np.array([pair.negatives for pair in pairs.pairs], dtype=np.int64)
    step = order.block_size * max(1, _LINES_AT_ONCE // order.block_size)
    for one_pass in order.passes:
        for start in range(0, len(one_pass), step):
            chosen = np.array(one_pass[start : start + step])
            pair, which = examples.pair[chosen], examples.negative[chosen].astype(np.int64)
            negatives = negatives_of[pair]
            if not (which == ALL).all():
                alone = np.take_along_axis(negatives, np.maximum(which, 0)[:, None], axis=1)
                negatives = np.where(which[:, None] >= 0, alone, ABSENT)
            record, view = record_of[pair], examples.view[chosen].astype(np.int64)
            if replacer is not None and negatives.shape[1]:
                blocks = range(0, len(chosen), order.block_size)
                cut = [slice(at, at + order.block_size) for at in blocks]
                replaced_in = [replacer.replace(record[block], negatives[block], view[block]) for block in cut]
                negatives = np.concatenate(replaced_in)
            yield Lines(record, positive_of[pair], negatives, view, examples.is_scored)


def used_documents(pairs: Pairs) -> list[int]:
    """Return the positions of all documents that are a positive or a negative, sorted."""
    return sorted({d for pair in pairs.pairs for d in (pair.positive, *pair.negatives)})


class _Replacer:
    """Replaces negatives in a block that are positives of another of its examples."""

    def __init__(self, pairs: Pairs, texts: Texts, label_map: LabelMap | None, *, seed: int, counted: Replaced) -> None:
        self._forbidden = Forbidden.of(
            queries_of({"": pairs.records}, pairs.positives),
            corpus_of(pairs.knowledge, label_map, forms=pairs.forms),
            exclude_merged_labels=True,
        )
        self._documents = len(pairs.knowledge)
        # Only documents that are in the set have texts.
        self._pool = np.array(used_documents(pairs))
        self._texts = texts
        self._random = random.Random(seed)
        self._counted = counted

    def replace(self, records: IntArray, negatives: IntArray, view: IntArray) -> IntArray:
        """Return the negatives (lines × negatives) of the lines of one block, each line in its view."""
        banned = np.zeros(self._documents, dtype=np.bool_)
        for record in set(records.tolist()):
            banned[[*self._forbidden.banned_of(record)]] = True
        hits = banned[negatives]
        if not hits.any():
            return negatives
        result = negatives.copy()
        for row in np.flatnonzero(hits.any(axis=1)).tolist():
            kept: list[int] = negatives[row].tolist()
            for column in np.flatnonzero(hits[row]).tolist():
                other = self._draw(banned, kept, view=int(view[row]))
                if other is None:
                    self._counted.kept_conflicts += 1
                else:
                    kept[column] = other
                    self._counted.replaced += 1
            result[row] = kept
        return result

    def _draw(self, banned: npt.NDArray[np.bool_], kept: Sequence[int], *, view: int) -> int | None:
        free: list[int] = self._pool[~banned[self._pool]].tolist()
        allowed = [document for document in free if document not in kept and self._texts.has(document, view)]
        return self._random.choice(allowed) if allowed else None
