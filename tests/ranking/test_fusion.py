"""Fused scores: formulas against their definitions, limits, ties, and the choice of a weight."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tcmbench.errors import EvaluationError
from tcmbench.ranking import fusion
from tcmbench.ranking.metrics import Relevant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tcmbench.ranking.fusion import Method

METHODS: tuple[Method, ...] = ("zscore", "minmax", "rrf")
SCORES = arrays.arrays(np.float32, (3, 7), elements=st.integers(-4, 4).map(lambda n: n / 4))
DENSE = np.array([[0.9, 0.5, 0.1, 0.1]], dtype=np.float32)
LEXICAL = np.array([[0.0, 8.0, 0.0, 4.0]], dtype=np.float32)


def relevant(*documents: int) -> Relevant:
    """Return one relevant document per query."""
    count = len(documents)
    return Relevant(np.arange(count), np.array(documents), np.ones(count, dtype=np.int64), count)


def test_min_max_is_its_definition() -> None:
    """Each part from 0 to 1, then weighted."""
    fused = fusion.fuse(DENSE, LEXICAL, method="minmax", weight=0.25)
    np.testing.assert_allclose(fused, [[0.75, 0.75 * 0.5 + 0.25, 0.0, 0.125]], rtol=1e-6)


def test_z_scores_are_their_definition() -> None:
    """Each part less its mean, divided by its standard deviation over the documents."""
    expected = [
        [
            0.7 * (d - DENSE[0].mean()) / DENSE[0].std() + 0.3 * (b - LEXICAL[0].mean()) / LEXICAL[0].std()
            for d, b in zip(DENSE[0], LEXICAL[0], strict=True)
        ]
    ]
    np.testing.assert_allclose(fusion.fuse(DENSE, LEXICAL, method="zscore", weight=0.3), expected, rtol=1e-5)


def test_reciprocal_ranks_are_their_definition() -> None:
    """1 / (60 + rank), ranks from 1; documents with equal scores share the mean of their ranks."""
    expected = [
        [0.5 / 61 + 0.5 / 63.5, 0.5 / 62 + 0.5 / 61, 0.5 / 63.5 + 0.5 / 63.5, 0.5 / 63.5 + 0.5 / 62],
    ]
    np.testing.assert_allclose(fusion.fuse(DENSE, LEXICAL, method="rrf", weight=0.5), expected, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_limits_are_the_parts(method: Method) -> None:
    """Weight 0 is the first scores and weight 1 the second, bit for bit."""
    np.testing.assert_array_equal(fusion.fuse(DENSE, LEXICAL, method=method, weight=0.0), DENSE)
    np.testing.assert_array_equal(fusion.fuse(DENSE, LEXICAL, method=method, weight=1.0), LEXICAL)


@settings(max_examples=60)
@given(first=SCORES, second=SCORES, method=st.sampled_from(METHODS))
def test_a_part_alone_keeps_its_order(first: NDArray[np.float32], second: NDArray[np.float32], method: Method) -> None:
    """The formula without the shortcut at its limit: normalisation changes no order and breaks or makes no tie."""
    fused = fusion.combined(
        fusion.normalised(first, method=method), fusion.normalised(second, method=method), weight=0.0
    )
    for before, after in zip(first, fused, strict=True):
        np.testing.assert_array_equal(np.sign(before[:, None] - before), np.sign(after[:, None] - after))


@pytest.mark.parametrize("method", METHODS)
def test_equal_scores_decide_nothing(method: Method) -> None:
    """A query of which BM25 knows no term has the order of the dense scores at every weight."""
    nothing = np.zeros_like(DENSE)
    fused = fusion.fuse(DENSE, nothing, method=method, weight=0.6)
    assert np.isfinite(fused).all()
    np.testing.assert_array_equal(np.argsort(-fused, kind="stable"), np.argsort(-DENSE, kind="stable"))


def test_ndcg_is_that_of_trec_eval() -> None:
    """Ties are broken by id, descending; a document that isn't in the corpus is never found."""
    pytrec_eval = pytest.importorskip("pytrec_eval")
    ids = ["b", "a", "d", "c"]
    scores = np.array([[0.5, 0.5, 0.9, 0.1], [0.2, 0.2, 0.2, 0.2]], dtype=np.float32)
    judged = Relevant(np.array([0, 0, 1]), np.array([1, -1, 3]), np.array([2, 1, 1]), 2)
    qrels = {"q0": {"a": 2, "elsewhere": 1}, "q1": {"c": 1}}
    run = {f"q{row}": dict(zip(ids, map(float, scores[row]), strict=True)) for row in range(2)}
    expected = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10"}).evaluate(run)
    order = np.array([1, 0, 3, 2])
    found = fusion.ndcg(scores, judged, order=order)
    np.testing.assert_allclose(found, [expected[q]["ndcg_cut_10"] for q in ("q0", "q1")], rtol=1e-12)


def test_a_score_that_is_no_number_is_not_the_best() -> None:
    """NaN compares as false with everything, so no document would be before it."""
    with pytest.raises(EvaluationError, match="finite"):
        fusion.ndcg(np.full((1, 2), np.nan, dtype=np.float32), relevant(1), order=np.arange(2))


def test_the_best_weight_is_chosen() -> None:
    """Neither part finds both documents first; together they do."""
    dense = np.array([[0.9, 0.5, 0.0], [0.5, 0.6, 0.0]], dtype=np.float32)
    lexical = np.array([[0.0, 0.1, 0.0], [9.0, 0.0, 0.0]], dtype=np.float32)
    chosen = fusion.choose_weight(dense, lexical, relevant(0, 0), order=np.arange(3), method="minmax")
    curve = dict(chosen.curve)
    assert curve[chosen.weight] == max(curve.values()) == 1.0
    assert curve[0.0] < 1.0
    assert curve[1.0] < 1.0
    assert len(curve) == len(fusion.GRID)


def test_of_equal_weights_the_smallest_is_chosen() -> None:
    """Where BM25 changes nothing, it isn't used."""
    chosen = fusion.choose_weight(DENSE, DENSE, relevant(0), order=np.arange(4), method="zscore")
    assert chosen.weight == 0.0
    assert all(math.isclose(value, 1.0) for _, value in chosen.curve)
