"""Statistics that are no means: each draw is what scipy or scikit-learn gives on the items drawn."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn import metrics

from tcmbench import plugins
from tcmbench.errors import EvaluationError
from tcmbench.stats import statistics
from tcmbench.stats.drawn import Drawn, ItemStatistic
from tcmbench.stats.paired import bootstrap, bootstrap_statistic
from tcmbench.stats.resampling import Resampling, count_columns
from tcmbench.stats.statistics import average_precision, spearman

ITEMS = 60
RANDOM = np.random.default_rng(11)
SIMILARITY = RANDOM.random(ITEMS).round(1)
SCORES = (SIMILARITY * 3 + RANDOM.random(ITEMS) * 2).round()
BINARY = (SIMILARITY + RANDOM.random(ITEMS) > 1).astype(float)
PLAN = Resampling(n_resamples=40, seed=2)

Oracle = Callable[[np.ndarray], float]


def _mean(drawn: Drawn) -> np.ndarray:
    return SIMILARITY @ drawn.by_item / drawn.total


CASES: dict[str, tuple[ItemStatistic, Oracle]] = {
    "mean": (_mean, lambda d: SIMILARITY[d].mean()),
    "spearman": (spearman.prepare(SIMILARITY, SCORES), lambda d: spearmanr(SIMILARITY[d], SCORES[d]).statistic),
    "average_precision": (
        average_precision.prepare(SIMILARITY, BINARY),
        lambda d: metrics.average_precision_score(BINARY[d], SIMILARITY[d]),
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_each_draw_is_the_plain_statistic_of_the_items_drawn(name: str) -> None:
    """Counting how often an item was drawn equals repeating it."""
    statistic, oracle = CASES[name]
    draws = bootstrap_statistic({"m": [statistic]}, items=ITEMS, plan=PLAN)
    random = PLAN.generator("items", PLAN.stream)
    expected = [oracle(random.integers(0, ITEMS, ITEMS)) for _ in range(40)]
    np.testing.assert_allclose(draws.resampled[:, 0], expected, atol=1e-10)
    assert draws.value("m") == pytest.approx(oracle(np.arange(ITEMS)), abs=1e-12)


@settings(max_examples=60)
@given(
    items=st.integers(4, 40),
    value_decimals=st.sampled_from([0, 1, 6]),
    gold_levels=st.sampled_from([2, 3, 1000]),
    seed=st.integers(0, 2**16),
)
def test_rank_statistics_hold_for_any_ties(items: int, value_decimals: int, gold_levels: int, seed: int) -> None:
    """Few or many equal values, a gold of two, three or any number of levels: what the items drawn give."""
    random = np.random.default_rng(seed)
    values, gold = random.random(items).round(value_decimals), random.integers(0, gold_levels, items).astype(float)
    counts = random.integers(0, 4, (items, 3)).astype(np.uint32)
    found = spearman.prepare(values, gold)(Drawn(counts))
    precision = average_precision.prepare(values, gold)(Drawn(counts))
    for column, own, area in zip(counts.T, found, precision, strict=True):
        drawn = np.repeat(np.arange(items), column)
        if len(np.unique(values[drawn])) < 2 or len(np.unique(gold[drawn])) < 2:
            assert np.isnan(own)
        else:
            assert own == pytest.approx(spearmanr(values[drawn], gold[drawn]).statistic, abs=1e-10)
        if gold[drawn].any():
            assert area == pytest.approx(metrics.average_precision_score(gold[drawn] > 0, values[drawn]), abs=1e-10)


@pytest.mark.parametrize("times", [1_000, 100_000])
def test_rank_correlations_do_not_overflow(times: int) -> None:
    """Millions of draws give what one of each does: ranks of many items exceed 32 bits when squared."""
    statistic = spearman.prepare(SIMILARITY, SCORES)
    few, many = (statistic(Drawn(np.full((ITEMS, 2), n, dtype=np.uint32))) for n in (1, times))
    np.testing.assert_allclose(many, few, atol=1e-12)


def test_models_share_the_gold_and_change_nothing_of_it() -> None:
    """A model's draws are the same alone, and after others with the same and with another gold."""
    block = Drawn(np.concatenate(list(count_columns(ITEMS, PLAN)), axis=1))
    model, other = spearman.prepare(SIMILARITY, SCORES), spearman.prepare(SIMILARITY, BINARY)
    alone = [model(Drawn(block.by_item)), other(Drawn(block.by_item))]
    np.testing.assert_array_equal([model(block), other(block)], alone)
    np.testing.assert_array_equal([model(block), other(block)], alone)


def test_a_mean_is_drawn_the_same_both_ways() -> None:
    """The general way and the product of matrices agree."""
    general = bootstrap_statistic({"m": [_mean]}, items=ITEMS, plan=PLAN)
    np.testing.assert_allclose(general.resampled, bootstrap({"m": SIMILARITY}, plan=PLAN).resampled, atol=1e-12)


def test_clusters_are_drawn_whole_here_too() -> None:
    """Clustered draws of the mean agree with those of the product of matrices."""
    ids = [i // 4 for i in range(ITEMS)]
    general = bootstrap_statistic({"m": [_mean]}, items=ITEMS, clusters=ids, plan=PLAN, scale=100)
    product = bootstrap({"m": SIMILARITY * 100}, clusters=ids, plan=PLAN)
    np.testing.assert_allclose(general.resampled, product.resampled, atol=1e-9)


def test_the_difference_of_two_models_is_paired() -> None:
    """A model against itself differs by nothing in every draw."""
    models = {name: [spearman.prepare(SIMILARITY, SCORES)] for name in ("a", "b")}
    draws = bootstrap_statistic(models, items=ITEMS, plan=PLAN)
    np.testing.assert_array_equal(draws.differences("a", "b"), np.zeros(40))


def test_a_constant_model_has_no_correlation() -> None:
    """No figure is made up for what does not exist."""
    with pytest.raises(EvaluationError, match="does not exist"):
        bootstrap_statistic({"m": [spearman.prepare(np.ones(ITEMS), SCORES)]}, items=ITEMS, plan=PLAN)


def test_rare_undefined_draws_are_left_out_and_many_refused() -> None:
    """Two items out of hundreds are sometimes not drawn; one out of six too often."""
    positive = np.zeros(400)
    positive[:12] = 1
    draws = bootstrap_statistic(
        {"m": [average_precision.prepare(np.arange(400.0), positive)]}, items=400, plan=Resampling(n_resamples=1_000)
    )
    assert draws.estimate("m").interval.low >= 0
    few = bootstrap_statistic(
        {"m": [average_precision.prepare(np.arange(6.0), [1, 0, 0, 0, 0, 0])]}, items=6, plan=PLAN
    )
    with warnings.catch_warnings(), pytest.raises(EvaluationError, match="too few"):
        few.estimate("m")


@pytest.mark.parametrize("name", plugins.names("statistics"))
def test_the_figure_over_all_items_is_that_of_the_draws(name: str) -> None:
    """In points: what is drawn and what is held against mteb are one statistic."""
    statistic = statistics.load(name)
    gold = BINARY if statistic.GOLD else None
    values = SIMILARITY * 100 if statistic.HAS_ITEM_SCORES else SIMILARITY
    draws = statistic.draws({"m": values}, gold, clusters=None, plan=PLAN)
    assert draws.value("m") == pytest.approx(100 * statistic.value(SIMILARITY, gold), abs=1e-9)


@pytest.mark.parametrize("name", plugins.names("statistics"))
def test_the_step_of_a_baseline_is_far_below_what_is_shown(name: str) -> None:
    """Rounded values move no figure by a hundredth of a point."""
    statistic = statistics.load(name)
    gold = BINARY if statistic.GOLD else None
    scale = 100 if statistic.HAS_ITEM_SCORES else 1
    values = np.random.default_rng(5).random(ITEMS)
    rounded = np.rint(values * scale / statistic.STEP) * statistic.STEP / scale
    assert 100 * abs(statistic.value(rounded, gold) - statistic.value(values, gold)) < 0.01
