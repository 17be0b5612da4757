"""The order of a streamed training set: label-unique blocks over millions of rows, most with labels of their own.

`order.label_unique_passes` fills as many blocks as there can be, by counts of all labels. Here rows are taken in a
shuffled order, and those that share a label with the block wait for a later one, which takes a few bytes per row.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.trainsets.text_keys import group_key, text_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from tcmbench.trainsets.spool import Spool

_LOOKAHEAD = 4096
"""Waiting rows that a block looks at, at most."""


class RowLabels:
    """What no two rows of a block may share: their documents, those of other rows of their query, and their groups."""

    def __init__(self, spool: Spool) -> None:
        """Read all rows once."""
        count = len(spool)
        self.positive: NDArray[np.uint64] = np.empty(count, dtype=np.uint64)
        """Hash of the text of each row's document."""

        query = np.empty(count, dtype=np.uint64)
        group = np.zeros(count, dtype=np.uint64)
        for place, row in enumerate(spool):
            self.positive[place] = text_key(row.positive)
            query[place] = text_key(row.query)
            if row.group:
                group[place] = group_key(row.group)
        self._more = _of_same_query(query, self.positive)
        self._group = group if group.any() else None

    def of(self, place: int) -> set[int]:
        """Return the labels of a row."""
        found = {int(self.positive[place]), *self._more.get(place, ())}
        if self._group is not None and self._group[place]:
            found.add(int(self._group[place]))
        return found


def label_unique_pass(labels: RowLabels, places: NDArray[np.int64], *, size: int, seed: tuple[int, int]) -> list[int]:
    """Return the rows in blocks of `size` without a common label; rows that fit into no block are left out.

    Args:
        labels: RowLabels of all rows.
        places: The rows of the pass.
        size: Rows of a block.
        seed: Seed, and number of the pass.
    """
    coming = iter(np.random.default_rng(seed).permutation(places).tolist())
    waiting: deque[int] = deque()
    order: list[int] = []
    while (block := _block(labels, coming, waiting, size=size)) is not None:
        order.extend(block)
    return order


def _block(labels: RowLabels, coming: Iterator[int], waiting: deque[int], *, size: int) -> list[int] | None:
    block: list[int] = []
    used: set[int] = set()
    passed: list[int] = []
    for _ in range(min(len(waiting), _LOOKAHEAD)):
        if len(block) == size:
            break
        _try(labels, waiting.popleft(), block, used, passed)
    waiting.extendleft(reversed(passed))
    passed = []
    while len(block) < size and (place := next(coming, None)) is not None:
        _try(labels, place, block, used, passed)
    waiting.extend(passed)
    return block if len(block) == size else None


def _try(labels: RowLabels, place: int, block: list[int], used: set[int], passed: list[int]) -> None:
    """Add a row to a block, or to those that wait."""
    own = labels.of(place)
    if used.isdisjoint(own):
        used |= own
        block.append(place)
    else:
        passed.append(place)


def passes_of(epochs: float) -> list[float]:
    """Return the share of the rows that each pass reads: 1 for all but the last."""
    count = max(1, math.ceil(epochs - 1e-9))
    return [*(1.0 for _ in range(count - 1)), epochs - (count - 1)]


def _of_same_query(query: NDArray[np.uint64], positive: NDArray[np.uint64]) -> Mapping[int, tuple[int, ...]]:
    """Return row → documents of the other rows of its query, for queries with several."""
    order = np.argsort(query, kind="stable")
    starts = np.flatnonzero(np.r_[True, query[order][1:] != query[order][:-1]])
    ends = np.r_[starts[1:], len(order)]
    more: dict[int, tuple[int, ...]] = {}
    for start, end in zip(starts[ends - starts > 1].tolist(), ends[ends - starts > 1].tolist(), strict=True):
        rows = order[start:end].tolist()
        documents = tuple({int(positive[row]) for row in rows})
        more |= dict.fromkeys(rows, documents)
    return more
