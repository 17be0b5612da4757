"""Confidences are those of mteb, to the last bit: a tie more or less changes nAUC visibly."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from mteb._evaluators.retrieval_metrics import confidence_scores

from tcmbench.ranking import metrics


def in_mteb(scores: list[float]) -> dict[str, float]:
    """Return mteb's confidences of one query, whose documents it holds in a heap."""
    heap: list[float] = []
    for score in scores:
        heapq.heappush(heap, score)
    return confidence_scores(heap)


@pytest.mark.parametrize("documents", [1, 2, 7, 8, 10, 130, 1000])
def test_confidences_are_those_of_mteb_to_the_bit(documents: int) -> None:
    """Whatever the number of documents: numpy sums eight and more in another order than few."""
    rng = np.random.default_rng(documents)
    scores = -np.sort(-rng.standard_normal((40, documents)).astype(np.float32), axis=1)
    found = metrics.confidence(scores)
    for row, ranked in enumerate(scores.astype(np.float64).tolist()):
        expected = in_mteb(ranked)
        assert expected == {name: value[row] for name, value in found._asdict().items()}
