"""The best-scored documents that may be negatives: ranks, ties, skipped ranks and margins.

Scores are computed in blocks of queries and reduced immediately, so memory doesn't grow with the number of queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.errors import DataError
from tcmbench.miners import Negatives
from tcmbench.miners.selection.forbidden import Forbidden

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.miners import Corpus, Queries, RankedOptions

# Scores of one block: 4 million float32 are 16 MiB, with a few copies at a time.
_BLOCK_SCORES = 4_000_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which scored documents may be negatives; the fields are those of a miner's options."""

    count: int
    exclude_merged_labels: bool
    skip_top: int = 0
    margin_absolute: float | None = None
    margin_relative: float | None = None

    @classmethod
    def of(cls, options: RankedOptions) -> Selection:
        """Return the selection by a miner's options."""
        return cls(
            options.count,
            options.exclude_merged_labels,
            options.skip_top,
            options.margin_absolute,
            options.margin_relative,
        )


class Candidates(NamedTuple):
    """Documents per query, best first, as positions in the corpus."""

    positions: NDArray[np.int32]
    """[queries, count]; the accepted ones first, then fill-ins."""

    accepted: NDArray[np.int32]
    """How many of each row passed skip_top and the margins."""


def select(
    queries: Queries,
    corpus: Corpus,
    scores: Callable[[Queries], NDArray[np.float32]],
    selection: Selection,
) -> Candidates:
    """Return the best-scored allowed documents of every query, in the order of the queries; ties by corpus position.

    Blocks consist of the queries sorted by id, so that no rounding depends on their order. Of several positives the
    lowest-scored one sets the margins. Where too few documents pass, the row is filled up with the lowest-scored of the
    other allowed documents (the least likely false negatives), which `accepted` doesn't count.

    Args:
        queries: The queries.
        corpus: The documents.
        scores: Returns the scores [queries, documents] of a block of queries.
        selection: Which documents may be negatives.

    Raises:
        DataError: A query has fewer allowed documents than `selection.count`.
    """
    import numpy as np

    arranged = queries.by_id()
    forbidden = Forbidden.of(arranged, corpus, exclude_merged_labels=selection.exclude_merged_labels)
    total = len(queries.ids)
    positions = np.empty((total, selection.count), dtype=np.int32)
    accepted = np.empty(total, dtype=np.int32)
    step = max(1, _BLOCK_SCORES // max(1, len(corpus.ids)))
    require_enough(arranged, corpus, forbidden, selection.count)
    for start in range(0, total, step):
        rows = range(start, min(start + step, total))
        banned, positive = forbidden.masks(rows, documents=len(corpus.ids))
        positions[rows], accepted[rows] = _select_block(scores(arranged.take(rows)), banned, positive, selection)
    place = {query_id: row for row, query_id in enumerate(arranged.ids)}
    rows_of = [place[query_id] for query_id in queries.ids]
    return Candidates(positions[rows_of], accepted[rows_of])


def negatives(corpus: Corpus, candidates: Candidates, *, count: int) -> Negatives:
    """Return the first `count` candidates of each query as ids."""
    ids = [tuple(corpus.ids[p] for p in row) for row in candidates.positions[:, :count].tolist()]
    short = count - candidates.accepted.clip(max=count)
    return Negatives(ids=tuple(ids), filled=tuple(short.tolist()))


def require_enough(queries: Queries, corpus: Corpus, forbidden: Forbidden, count: int) -> None:
    """Check that each query has documents enough that may be its negatives.

    Raises:
        DataError: One has fewer than `count`.
    """
    for query, query_id in enumerate(queries.ids):
        free = len(corpus.ids) - len(forbidden.banned_of(query))
        if free < count:
            raise DataError(
                f"record {query_id}: expected {count} negatives, but only {free} of the {len(corpus.ids)} documents "
                "are neither a positive nor a copy of one nor merged with one by the label map. Lower the miner's "
                "count."
            )


def thresholds(lowest: NDArray[np.float32], selection: Selection) -> NDArray[np.float32]:
    """Return the score above which a document is too close to the positive; +inf without margins.

    Args:
        lowest: Lowest score of a positive of each query; +inf for a query whose positives are not in the corpus.
        selection: The margins.
    """
    import numpy as np

    threshold = np.full(len(lowest), np.inf, dtype=np.float32)
    if selection.margin_absolute is not None:
        threshold = np.minimum(threshold, lowest - selection.margin_absolute)
    if selection.margin_relative is not None:
        # Written so that a negative score is lowered too, where a plain product would raise it.
        slack = (1 - selection.margin_relative) * np.abs(np.where(np.isfinite(lowest), lowest, 0))
        threshold = np.minimum(threshold, lowest - slack)
    return threshold


def _select_block(
    scores: NDArray[np.float32],
    banned: NDArray[np.bool_],
    positive: NDArray[np.bool_],
    selection: Selection,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    import numpy as np

    queries, documents = scores.shape
    threshold = thresholds(np.where(positive, scores, np.inf).min(axis=1), selection)
    free = np.where(banned, -np.inf, scores).astype(np.float32)
    # Three tiers: accepted documents by falling score, then refused ones by rising score, then banned ones.
    refused = free > threshold[:, None]
    wanted = min(selection.count + selection.skip_top, documents)
    if not refused.any() and selection.skip_top == 0:
        order = _best(free, wanted)
        return order.astype(np.int32), np.full(queries, selection.count, dtype=np.int32)
    if selection.skip_top:
        # Ranks are counted among the allowed documents only.
        top = _best(free, min(selection.skip_top, documents))
        rows = np.arange(queries)[:, None]
        refused[rows, top] = True
    refused &= ~banned
    eligible = np.where(refused, -np.inf, free)
    accepted = (eligible > -np.inf).sum(axis=1)
    order = _best(eligible, selection.count)
    for row in np.flatnonzero(accepted < selection.count):
        rest = np.flatnonzero(refused[row])
        rest = rest[np.argsort(scores[row, rest], kind="stable")]
        order[row, accepted[row] :] = rest[: selection.count - accepted[row]]
    return order.astype(np.int32), accepted.clip(max=selection.count).astype(np.int32)


def _best(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the positions of the `count` highest scores of each row, highest first, ties by position."""
    import numpy as np

    documents = scores.shape[1]
    if count >= documents:
        return np.argsort(-scores, axis=1, kind="stable")[:, :count]
    part = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    kept = np.take_along_axis(scores, part, axis=1)
    # argpartition breaks ties at the boundary arbitrarily; rows with such a tie are sorted completely.
    border = kept.min(axis=1)
    tied = (scores >= border[:, None]).sum(axis=1) > count
    order = np.lexsort((part, -kept), axis=1)
    best = np.take_along_axis(part, order, axis=1)
    if tied.any():
        best[tied] = np.argsort(-scores[tied], axis=1, kind="stable")[:, :count]
    return best
