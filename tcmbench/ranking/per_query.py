"""Scores of single queries, for paired comparisons.

mteb reports means only, rounded to five decimals except for MRR. `check_means` compares them with the means of the
scores kept here at every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tcmbench.errors import ParityError
from tcmbench.ranking import metrics as ranking_metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

DEPTH = 100
"""Documents kept per query."""

_KEPT = (("ndcg", 10), ("map", 10), ("mrr", 10), ("recall", 1), ("recall", 5), ("recall", 10))
_INTERNAL = {
    "ndcg": "NDCG",
    "map": "MAP",
    "recall": "Recall",
    "precision": "P",
    "hit_rate": "HitRate",
    "mrr": "MRR",
}
_TREC = {
    "ndcg": "ndcg_cut_",
    "map": "map_cut_",
    "recall": "recall_",
    "precision": "P_",
    "hit_rate": "success_",
}
_TOLERANCE = 1e-9

Ids = np.ndarray[Any, np.dtype[np.object_]]


@dataclass(frozen=True, slots=True)
class PerQuery:
    """Scores and best documents of each query of a split, in the order of the split."""

    query_ids: Ids
    """Query ids, (queries,)."""

    metrics: Mapping[str, NDArray[np.float64]]
    """Values by metric, named as mteb reports it (ndcg_at_10), each (queries,)."""

    top_ids: Ids
    """Ids of the best documents, best first, (queries, ≤ 100); "" after the last."""

    top_scores: NDArray[np.float64]
    """Their scores; NaN after the last."""

    @property
    def top1(self) -> Ids:
        """Ids of the documents ranked first; "" where nothing was retrieved."""
        if not self.top_ids.shape[1]:
            return np.full(len(self.query_ids), "", dtype=object)
        first: Ids = self.top_ids[:, 0]
        return first


def kept_names(k_values: Sequence[int], *, main_score: str) -> tuple[str, ...]:
    """Return the metrics to keep per query: nDCG, MAP, MRR @10, recall @1, 5, 10, and the main score."""
    names = [f"{family}_at_{k}" for family, k in _KEPT if k in k_values]
    family, _, k = main_score.partition("_at_")
    if family in _INTERNAL and k.isdecimal() and int(k) in k_values and main_score not in names:
        names.append(main_score)
    return tuple(names)


def pick(columns: Mapping[str, NDArray[np.float64]], names: Iterable[str]) -> dict[str, NDArray[np.float64]]:
    """Return the named metrics out of those of `ranking_metrics.per_query`."""
    picked = {}
    for name in names:
        family, _, k = name.partition("_at_")
        picked[name] = columns[f"{_INTERNAL[family]}@{k}"]
    return picked


def of_run(
    results: Mapping[str, Mapping[str, float]],
    scores: Mapping[str, Mapping[str, float]],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    names: Sequence[str],
) -> PerQuery:
    """Return the per-query scores from the arguments of mteb's `task_specific_scores`.

    Args:
        results: Scores of the retrieved documents by query.
        scores: trec_eval's measures by query.
        qrels: Relevance by query and document.
        names: Metrics to keep, from `kept_names`.
    """
    ranked = [sorted(found.items(), key=lambda item: (item[1], item[0]), reverse=True) for found in results.values()]
    width = min(DEPTH, max(map(len, ranked), default=0))
    top_ids: Ids = np.full((len(ranked), width), "", dtype=object)
    top_scores = np.full((len(ranked), width), np.nan)
    for row, items in enumerate(ranked):
        for place, (doc_id, score) in enumerate(items[:width]):
            top_ids[row, place] = doc_id
            top_scores[row, place] = score
    metrics = {}
    for name in names:
        family, _, k = name.partition("_at_")
        if family == "mrr":
            values = [
                _reciprocal_rank([doc_id for doc_id, _ in items[: int(k)]], qrels[query_id])
                for query_id, items in zip(results, ranked, strict=True)
            ]
        else:
            values = [scores[query_id][_TREC[family] + k] for query_id in results]
        metrics[name] = np.array(values, dtype=np.float64)
    return PerQuery(np.array(list(results), dtype=object), metrics, top_ids, top_scores)


def check_means(per_query: PerQuery, reported: Mapping[str, float], *, where: str) -> None:
    """Compare the mean of every per-query metric with the number reported for the split.

    Raises:
        ParityError: They differ by more than 1e-9 (after mteb's rounding to five decimals).
    """
    for name, values in per_query.metrics.items():
        mean = ranking_metrics.mean(values)
        expected = mean if name.startswith("mrr_") else round(mean, 5)
        if not abs(expected - reported[name]) <= _TOLERANCE:
            raise ParityError(
                f"{where}: {name} is reported as {reported[name]!r}, but the {len(values)} queries average to "
                f"{expected!r}. No score was stored. This is a bug in tcmbench or a change in mteb: please report it."
            )


def _reciprocal_rank(doc_ids: Sequence[str], relevance: Mapping[str, int]) -> float:
    """Return 1 / rank of the first relevant document, 0 without one."""
    for place, doc_id in enumerate(doc_ids):
        if relevance.get(doc_id, 0) > 0:
            return 1.0 / (place + 1)
    return 0.0
