"""Randomisation, McNemar and corrections, against scipy and statsmodels."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, permutation_test
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from tcmbench.errors import EvaluationError, ScoreMissing
from tcmbench.stats.mcnemar import mcnemar
from tcmbench.stats.multiplicity import holm
from tcmbench.stats.randomisation import sign_flip
from tcmbench.stats.resampling import Resampling
from tests.stats.strategies import p_values, pairs


@given(pairs(most=10))
@settings(max_examples=25)
def test_few_items_give_scipys_exact_p(scores: tuple[np.ndarray, np.ndarray]) -> None:
    """All flips are tried, ties and zeros included."""
    deltas = scores[0] - scores[1]
    theirs = permutation_test(
        (deltas,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="greater"
    ).pvalue
    theirs_less = permutation_test(
        (deltas,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="less"
    ).pvalue
    # the distribution of flips is symmetric, so both tails are twice the smaller one
    assert sign_flip(deltas)[0] == pytest.approx(min(1.0, 2 * min(theirs, theirs_less)), abs=1e-9)


def test_many_items_give_scipys_p_up_to_monte_carlo_error() -> None:
    """The random test agrees with scipy's random test."""
    random = np.random.default_rng(3)
    deltas = random.choice([0.0, 37.0, -37.0, 100.0, -50.0], 300) + 1.0
    ours = sign_flip(deltas, plan=Resampling(n_resamples=20_000))[0]
    theirs = permutation_test(
        (deltas,), np.mean, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(2)
    ).pvalue
    assert ours == pytest.approx(theirs, abs=0.02)


def test_no_p_is_zero() -> None:
    """The smallest p of R random flips is 1 / (R + 1)."""
    assert sign_flip(np.full(100, 5.0), plan=Resampling(n_resamples=999))[0] == 1 / 1_000


def test_p_values_of_equal_models_are_uniform() -> None:
    """Of 2,000 comparisons without a difference about 5% fall below 0.05."""
    random = np.random.default_rng(4)
    deltas = random.normal(0, 30, (2_000, 150)) * (random.random((2_000, 150)) < 0.3)
    share = float((sign_flip(deltas, plan=Resampling(n_resamples=1_000)) < 0.05).mean())
    assert 0.04 < share < 0.06


def test_a_cluster_flips_as_one() -> None:
    """Ten records of one patient are one piece of evidence: with two patients p is 1/2."""
    assert sign_flip(np.ones(20), clusters=["a"] * 10 + ["b"] * 10)[0] == 0.5


def test_sums_equal_before_rounding_count_as_equal() -> None:
    """0.1 + 0.2 reaches 0.3."""
    assert sign_flip([0.1, 0.2, -0.3])[0] == 1.0


@given(pairs())
@settings(max_examples=30)
def test_right_and_wrong_answers_are_tested_as_in_statsmodels(scores: tuple[np.ndarray, np.ndarray]) -> None:
    """Exact McNemar equals statsmodels' and scipy's binomial test."""
    now, before = (np.where(row > 50, 100.0, 0.0) for row in scores)
    found = mcnemar(now, before)
    table = [[int(((now == a) & (before == b)).sum()) for b in (100, 0)] for a in (100, 0)]
    changed = found.gained + found.lost
    if changed:
        assert found.p_value == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)
        assert found.p_value == pytest.approx(binomtest(found.lost, changed).pvalue)
    else:
        assert found == (0, 0, 1.0)


@pytest.mark.parametrize("tuned", [[0.0, 50.0, 100.0], [[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]], [-1.0, 0.0, 0.0]])
def test_graded_scores_and_several_seeds_have_no_mcnemar(tuned: list[object]) -> None:
    """The message names the test to use."""
    with pytest.raises(EvaluationError, match="sign-flip"):
        mcnemar(tuned, [0.0, 100.0, 0.0])


@given(p_values)
@settings(max_examples=30)
def test_holm_equals_statsmodels(p: np.ndarray) -> None:
    """Adjusted p values are the library's, in the order given."""
    with patch("gc.collect"):  # which statsmodels calls every time
        expected = multipletests(p, method="holm")[1]
    np.testing.assert_allclose(holm(p), expected, atol=1e-15)


@given(p_values, st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_corrections_keep_the_order_and_only_raise(p: np.ndarray, random: object) -> None:
    """Adjusted values are at least p and at most 1, rank as p does, and go with their task in any order."""
    adjusted = holm(p)
    order = np.argsort(p, kind="stable")
    assert (adjusted >= p).all()
    assert adjusted.max() <= 1
    assert (np.diff(adjusted[order]) >= 0).all()
    shuffled = list(range(len(p)))
    random.shuffle(shuffled)
    np.testing.assert_allclose(holm(p[shuffled]), adjusted[shuffled], atol=1e-15)


def test_nothing_to_correct_is_nothing() -> None:
    """An empty gate has no p values."""
    assert holm([]).tolist() == []


@pytest.mark.parametrize(
    ("p", "error"), [([0.5, 1.5], EvaluationError), ([-0.1], EvaluationError), ([np.nan], ScoreMissing)]
)
def test_what_is_no_p_value_is_refused(p: list[float], error: type[Exception]) -> None:
    """A p value lies between 0 and 1."""
    with pytest.raises(error):
        holm(p)
