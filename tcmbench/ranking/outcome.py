"""All numbers that mteb reports, from retrieved documents, without a dictionary per query.

`Collector` reduces blocks of ranked documents to what the numbers need: the ranks of the relevant documents, the
confidences, and the best hundred documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tcmbench.ranking import metrics
from tcmbench.ranking import per_query as queries_module
from tcmbench.ranking.topk import TopK, settle_ties

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tcmbench.ranking.per_query import Ids, PerQuery
    from tcmbench.ranking.topk import Integers

_PAIRS = 4096


class NoParity(Exception):
    """A split has to be scored by mteb itself; caught by `FastRetrieval`."""

    def __init__(self, reason: str, *, results: dict[str, dict[str, float]] | None = None) -> None:
        """Store the reason, and the run where one was computed already."""
        super().__init__(reason)
        self.results = results


@dataclass(frozen=True, slots=True)
class Judgements:
    """Relevance of documents to queries, with both numbered."""

    query_ids: Ids
    """Query ids in the order of the results."""

    document_ids: Ids
    """Document ids in the order of the corpus."""

    order: Integers
    """`topk.id_order` of the documents."""

    relevant: metrics.Relevant
    """Relevant documents, in columns."""

    own: NDArray[np.int64] | None
    """Per query the document of the same id (-1: none) when the task ignores it, else None."""


def judgements(
    query_ids: Sequence[str],
    document_numbers: Mapping[str, int],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    order: Integers,
    ignore_identical: bool,
) -> Judgements:
    """Return the relevant documents of the queries, numbered.

    Raises:
        NoParity: A relevance is not an integer ≥ 0.
    """
    query: list[int] = []
    document: list[int] = []
    gain: list[int] = []
    for number, query_id in enumerate(query_ids):
        for doc_id, relevance in qrels[query_id].items():
            if not isinstance(relevance, int) or relevance < 0:
                raise NoParity(f"the relevance {relevance!r} of {doc_id!r} to {query_id!r}")
            if relevance:
                query.append(number)
                document.append(document_numbers.get(doc_id, -1))
                gain.append(relevance)
    relevant = metrics.Relevant(
        np.array(query, dtype=np.int64),
        np.array(document, dtype=np.int64),
        np.array(gain, dtype=np.int64),
        len(query_ids),
    )
    own = np.array([document_numbers.get(q, -1) for q in query_ids], dtype=np.int64)
    return Judgements(
        np.array(list(query_ids), dtype=object),
        np.array(list(document_numbers), dtype=object),
        order,
        relevant,
        own if ignore_identical and (own >= 0).any() else None,
    )


class Ranked(NamedTuple):
    """The result of a search, reduced to what metrics need."""

    hits: metrics.Hits
    """Retrieved relevant documents, ranked as trec_eval does (scores in single precision)."""

    exact_hits: metrics.Hits
    """The same, ranked by the scores at full precision (for MRR)."""

    confidence: metrics.Confidence
    """Confidence per query."""

    top_ids: Ids
    """Ids of the best documents."""

    top_scores: NDArray[np.float64]
    """Their scores."""


class Collector:
    """Reduces blocks of ranked documents to ranks, confidences and top lists."""

    def __init__(self, judged: Judgements, *, width: int) -> None:
        """Start without any documents.

        Args:
            judged: Relevance of documents to queries.
            width: Largest number of documents that a query can retrieve.
        """
        queries = judged.relevant.queries
        self._judged = judged
        self._block_row = np.full(queries, -1, dtype=np.int64)
        self._hits: list[NDArray[np.int64]] = []
        self._exact: list[NDArray[np.int64]] = []
        self._confidence = np.zeros((queries, 3))
        width = min(width, queries_module.DEPTH)
        self._top_ids: Ids = np.full((queries, width), "", dtype=object)
        self._top_scores = np.full((queries, width), np.nan)

    def add(self, rows: Integers, top: TopK, *, confidence: metrics.Confidence | None = None) -> None:
        """Add the ranked documents of some queries.

        Args:
            rows: Numbers of the queries.
            top: Their documents in canonical order, every query with the same number.
            confidence: Confidences; None computes them from the ranked scores.

        Raises:
            NoParity: A score is not a number.
        """
        if np.isnan(top.scores).any():
            raise NoParity("a score that is not a number")
        dropped = self._dropped(rows, top.documents)
        self._exact.append(self._hits_of(rows, top.documents, dropped=dropped))
        single = top.scores.astype(np.float32, copy=False)
        if single is top.scores or np.array_equal(single, top.scores):
            self._hits.append(self._exact[-1])
        else:
            # trec_eval keeps scores in single precision: different doubles may be ties there.
            index = top.documents.copy()
            settle_ties(single, index, order=self._judged.order)
            self._hits.append(self._hits_of(rows, index, dropped=self._dropped(rows, index)))
        values = confidence or metrics.confidence(top.scores, dropped=dropped)
        self._confidence[rows] = np.stack(values, axis=1)
        self._keep_top(rows, top, dropped=dropped)

    def ranked(self) -> Ranked:
        """Return everything collected."""
        conf = self._confidence
        exact = _joined(self._exact)
        same = all(one is other for one, other in zip(self._hits, self._exact, strict=True))
        return Ranked(
            exact if same else _joined(self._hits),
            exact,
            metrics.Confidence(conf[:, 0].copy(), conf[:, 1].copy(), conf[:, 2].copy()),
            self._top_ids,
            self._top_scores,
        )

    def _dropped(self, rows: Integers, index: Integers) -> Integers | None:
        """Return per row the position of the document with the id of the query, -1 without one."""
        if self._judged.own is None:
            return None
        same = index == self._judged.own[rows][:, None]
        return np.where(same.any(axis=1), same.argmax(axis=1) if index.shape[1] else -1, -1)

    def _hits_of(self, rows: Integers, index: Integers, *, dropped: Integers | None) -> NDArray[np.int64]:
        """Return (query, rank, gain) of the relevant documents in a block, in three rows."""
        relevant = self._judged.relevant
        self._block_row[rows] = np.arange(len(rows))
        pairs = np.flatnonzero((self._block_row[relevant.query] >= 0) & (relevant.document >= 0))
        parts = [np.zeros((3, 0), dtype=np.int64)]
        for start in range(0, pairs.size, _PAIRS):
            some = pairs[start : start + _PAIRS]
            at = self._block_row[relevant.query[some]]
            same = index[at] == relevant.document[some][:, None].astype(index.dtype)
            there = np.flatnonzero(same.any(axis=1))
            rank = same[there].argmax(axis=1) if there.size else there
            if dropped is not None:
                gap = dropped[at[there]]
                there, rank, gap = there[rank != gap], rank[rank != gap], gap[rank != gap]
                rank = rank - ((gap >= 0) & (gap < rank))
            parts.append(np.stack([relevant.query[some][there], rank, relevant.gain[some][there]]))
        self._block_row[rows] = -1
        return np.concatenate(parts, axis=1)

    def _keep_top(self, rows: Integers, top: TopK, *, dropped: Integers | None) -> None:
        """Keep the best documents of each query."""
        depth = self._top_ids.shape[1]
        width = min(top.documents.shape[1], depth)
        ids = self._judged.document_ids
        if dropped is None or not (dropped >= 0).any():
            self._top_ids[rows, :width] = ids[top.documents[:, :width]]
            self._top_scores[rows, :width] = top.scores[:, :width]
            return
        for row, place, index, scores in zip(rows, dropped, top.documents, top.scores, strict=True):
            kept = np.delete(np.arange(index.size), place) if place >= 0 else np.arange(index.size)
            kept = kept[:depth]
            self._top_ids[row, : kept.size] = ids[index[kept]]
            self._top_scores[row, : kept.size] = scores[kept]


class RankingOutcome(NamedTuple):
    """A scored split."""

    scores: dict[str, Any]
    """Everything that mteb reports, under its names."""

    per_query: PerQuery
    """Scores of the single queries."""


def outcome(judged: Judgements, ranked: Ranked, *, k_values: Sequence[int], kept: Sequence[str]) -> RankingOutcome:
    """Return mteb's numbers for a split, and those of its queries.

    Args:
        judged: Relevance of documents to queries.
        ranked: Result of the search.
        k_values: Cut-offs; 1 must be among them.
        kept: Names of the metrics to keep per query.
    """
    from mteb._evaluators.retrieval_metrics import make_score_dict

    columns = metrics.per_query(ranked.hits, judged.relevant, k_values=k_values)
    if ranked.exact_hits is not ranked.hits:
        exact = metrics.per_query(ranked.exact_hits, judged.relevant, k_values=k_values)
        columns.update({name: exact[name] for name in exact if name.startswith("MRR@")})
    means = {name: metrics.mean(values) for name, values in columns.items()}
    # mteb computes no nAUC of the hit rate.
    curves = {name: values for name, values in columns.items() if not name.startswith("HitRate@")}

    def family(prefix: str) -> dict[str, float]:
        return {f"{prefix}@{k}": round(means[f"{prefix}@{k}"], 5) for k in k_values}

    nauc = metrics.abstention(curves, ranked.confidence)
    scores: dict[str, Any] = make_score_dict(
        ndcg=family("NDCG"),
        _map=family("MAP"),
        recall=family("Recall"),
        precision=family("P"),
        mrr={f"MRR@{k}": means[f"MRR@{k}"] for k in k_values},
        naucs={name: value for name, value in nauc.items() if not name.startswith("nAUC_MRR@")},
        naucs_mrr={name: value for name, value in nauc.items() if name.startswith("nAUC_MRR@")},
        hit_rate=family("HitRate"),
        task_scores={},
    )
    return RankingOutcome(
        scores,
        queries_module.PerQuery(
            judged.query_ids, queries_module.pick(columns, kept), ranked.top_ids, ranked.top_scores
        ),
    )


def _joined(parts: Sequence[NDArray[np.int64]]) -> metrics.Hits:
    """Return the hits of all blocks, ordered."""
    table = np.concatenate([np.zeros((3, 0), dtype=np.int64), *parts], axis=1)
    return metrics.hits(table[0], table[1], table[2])
