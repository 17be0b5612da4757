"""Ranking of a run: the {query: {document: score}} that BM25, cross-encoders and other search models return."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.ranking.metrics import Confidence
from tcmbench.ranking.outcome import Collector, Judgements, NoParity, Ranked
from tcmbench.ranking.topk import TopK, settle_ties

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_ROWS = 512
# Types that trec_eval's binding accepts as numbers; numpy's single precision is not among them.
_NUMBERS = frozenset({float, int, np.float64})


def rank_run(
    results: Mapping[str, Mapping[str, float]],
    *,
    judged: Judgements,
    document_numbers: Mapping[str, int],
) -> Ranked:
    """Return the documents of a run ranked.

    Args:
        results: Scores by document by query, queries in the order of `judged`.
        judged: Relevance of documents to queries.
        document_numbers: Numbers of the documents.

    Raises:
        NoParity: A document is not in the corpus, or a score is not a number.
    """
    collector = Collector(judged, width=max(map(len, results.values()), default=0))
    by_size: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for row, (query_id, found) in enumerate(results.items()):
        by_size[len(found)].append((row, query_id))
    for size, members in sorted(by_size.items()):
        for start in range(0, len(members), _ROWS):
            some = members[start : start + _ROWS]
            rows = np.array([row for row, _ in some])
            index = np.empty((len(some), size), dtype=np.int32)
            scores = np.empty((len(some), size))
            for place, (_, query_id) in enumerate(some):
                _fill(results[query_id], document_numbers, index=index[place], scores=scores[place])
            confidence = _confidence(scores, index, own=judged.own, rows=rows)
            by_score = np.argsort(scores, axis=1)[:, ::-1]
            top = TopK(np.take_along_axis(scores, by_score, axis=1), np.take_along_axis(index, by_score, axis=1))
            settle_ties(top.scores, top.documents, order=judged.order)
            collector.add(rows, top, confidence=confidence)
    return collector.ranked()


def _fill(
    found: Mapping[str, float],
    numbers: Mapping[str, int],
    *,
    index: NDArray[np.int32],
    scores: NDArray[np.float64],
) -> None:
    """Write one query's documents and scores into a row."""
    if not _NUMBERS.issuperset(map(type, found.values())):
        raise NoParity("a score that is not a Python number")
    try:
        index[:] = np.fromiter(map(numbers.__getitem__, found), dtype=np.int32, count=len(found))
    except KeyError as error:
        raise NoParity(f"document {error.args[0]!r}, which is not in the corpus") from error
    scores[:] = np.fromiter(found.values(), dtype=np.float64, count=len(found))


def _confidence(
    scores: NDArray[np.float64],
    index: NDArray[np.int32],
    *,
    own: NDArray[np.int64] | None,
    rows: NDArray[np.int64],
) -> Confidence:
    """Return the confidences of scores in the order of the run (np.std rounds by order)."""
    columns = np.zeros((len(scores), 3))
    for row, values in enumerate(scores):
        if own is not None:
            values = values[index[row] != own[rows[row]]]
        if not values.size:
            continue
        best = -np.sort(-values)[:2]
        columns[row] = best[0], np.std(values), best[0] - best[1] if values.size > 1 else 0.0
    return Confidence(columns[:, 0], columns[:, 1], columns[:, 2])
