"""Paired means: against scipy, and what must hold whatever the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import kurtosis, norm
from scipy.stats import t as student

from tcmbench.errors import EvaluationError, NoInterval, ScoreMissing
from tcmbench.stats import inputs
from tcmbench.stats.draws import mean_over_tasks
from tcmbench.stats.estimates import Interval, percentile
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.randomisation import sign_flip
from tcmbench.stats.resampling import Resampling
from tests.stats.strategies import pairs

if TYPE_CHECKING:
    import numpy.typing as npt

PLAN = Resampling(n_resamples=200, seed=1)


class Compared(NamedTuple):
    """One model against another."""

    delta: float
    interval: Interval
    p_value: float
    improved: int
    worse: int


def compare(tuned: npt.ArrayLike, base: npt.ArrayLike, *, clusters: object = None, plan: Resampling = PLAN) -> Compared:
    """Return how two models differ over the same items."""
    draws = bootstrap({"tuned": tuned, "base": base}, clusters=clusters, plan=plan)
    delta = inputs.row(tuned, what="tuned") - inputs.row(base, what="base")
    p_value = float(sign_flip(delta, clusters=clusters, plan=plan)[0])
    return Compared(*draws.difference("tuned", "base"), p_value, int((delta > 0).sum()), int((delta < 0).sum()))


def _scores(items: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    base = random.choice([0.0, 100.0, 63.1, 50.0], items, p=[0.4, 0.4, 0.1, 0.1])
    return np.where(random.random(items) < 0.3, random.permutation(base), base), base


@pytest.mark.parametrize("items", [30, 200])
def test_interval_is_scipys_widened_up_to_monte_carlo_error(items: int) -> None:
    """Hesterberg 2015: distances from the figure are scipy's (percentile), × √(n / (n − 1)) × t / z."""
    tuned, base = _scores(items, items)
    ours = compare(tuned, base, plan=Resampling(n_resamples=20_000))
    theirs = scipy_bootstrap(
        (tuned - base,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    # A quantile of 20,000 draws errs by 0.019 standard errors; two of them by 0.027; six times that is never reached.
    error = 0.16 * (tuned - base).std() / np.sqrt(items)
    freedom = min(items - 1, 2 * items / (kurtosis(tuned - base, fisher=False) - 1))
    wider = np.sqrt(items / (items - 1)) * student.ppf(0.975, freedom) / norm.ppf(0.975)
    ends = [ours.delta + wider * (end - ours.delta) for end in theirs]
    assert wider > 1.01 or items > 30
    assert (ours.interval.low, ours.interval.high) == pytest.approx(ends, abs=error)


def test_a_ratio_of_few_items_holds_as_often_as_a_difference() -> None:
    """Of 300 comparisons of equal models on 12 items about 95% hold 1 and 0; of percentile intervals 90% would."""
    held = np.zeros(2)
    for seed in range(300):
        random = np.random.default_rng(seed)
        base = random.normal(50, 10, 12)
        plan = Resampling(n_resamples=1_000, seed=seed)
        draws = bootstrap({"v": base + random.normal(0, 10, 12), "b": base}, plan=plan)
        ratio = draws.ratio("v", "b")
        assert ratio is not None
        held += [ratio.interval.holds(1), draws.difference("v", "b").interval.holds(0)]
    assert all(0.93 <= share <= 0.97 for share in held / 300)


def test_draws_are_the_means_of_the_items_drawn() -> None:
    """Each draw is what numpy gives on the items that were drawn, repeated as often."""
    tuned, _ = _scores(50, 4)
    draws = bootstrap({"m": tuned}, plan=PLAN)
    random = PLAN.generator("items", PLAN.stream)
    expected = [tuned[random.integers(0, 50, 50)].mean() for _ in range(200)]
    np.testing.assert_allclose(draws.resampled[:, 0], expected, rtol=0, atol=1e-9)


def test_clusters_are_drawn_whole() -> None:
    """A resample's mean is over all items of the clusters drawn, so its denominator varies with their sizes."""
    ids = ["a", "b", "b", "c", "c", "c", "d", "e", "f"]
    values = np.array([60.0, 10.0, 20.0, 1.0, 2.0, 3.0, 40.0, 50.0, 70.0])
    draws = bootstrap({"m": values}, clusters=ids, plan=PLAN)
    random = PLAN.generator("items", PLAN.stream)
    members = [np.flatnonzero(np.array(ids) == name) for name in "abcdef"]
    expected = [values[np.concatenate([members[c] for c in random.integers(0, 6, 6)])].mean() for _ in range(200)]
    np.testing.assert_allclose(draws.resampled[:, 0], expected, atol=1e-9)
    assert draws.n_clusters == 6


@pytest.mark.parametrize("items", [2, 5])
def test_items_that_no_test_can_judge_have_no_interval(items: int) -> None:
    """All of five changed alike: resamples have no spread, and the exact sign-flip test says p = 0.06."""
    with pytest.raises(NoInterval, match="at least 6 independent clusters"):
        compare(np.full(items, 100.0), np.zeros(items), plan=PLAN)
    assert compare(np.full(6, 100.0), np.zeros(6), plan=PLAN).delta == 100


@given(pairs())
@settings(max_examples=40)
def test_swapping_the_models_turns_everything_round(scores: tuple[np.ndarray, np.ndarray]) -> None:
    """compare(a, b) is compare(b, a) with the sign changed."""
    tuned, base = scores
    there, back = compare(tuned, base, plan=PLAN), compare(base, tuned, plan=PLAN)
    assert there.delta == pytest.approx(-back.delta, abs=1e-9)
    assert there.interval.low == pytest.approx(-back.interval.high, abs=1e-9)
    assert (there.p_value, there.improved, there.worse) == (back.p_value, back.worse, back.improved)


@given(pairs())
@settings(max_examples=40)
def test_clusters_of_one_item_are_no_clusters(scores: tuple[np.ndarray, np.ndarray]) -> None:
    """Giving each item an id of its own changes nothing, bit for bit."""
    tuned, base = scores
    assert compare(tuned, base, plan=PLAN) == compare(
        tuned, base, clusters=[f"q{i}" for i in range(len(base))], plan=PLAN
    )


@given(pairs(least=10))
@settings(max_examples=10)
def test_order_of_the_items_matters_only_as_much_as_the_draws(scores: tuple[np.ndarray, np.ndarray]) -> None:
    """Reversed, the figures are equal and the ends differ by Monte-Carlo error only."""
    tuned, base = scores
    plan = Resampling(n_resamples=4_000, seed=1)
    one, other = compare(tuned, base, plan=plan), compare(tuned[::-1], base[::-1], plan=plan)
    assert one.delta == pytest.approx(other.delta, abs=1e-9)
    assert (one.improved, one.worse) == (other.improved, other.worse)
    spread = (tuned - base).std() / np.sqrt(len(base))
    assert one.interval.low == pytest.approx(other.interval.low, abs=0.5 * spread + 1e-9)
    assert one.p_value == pytest.approx(other.p_value, abs=0.06)


def test_equal_models_differ_by_exactly_zero() -> None:
    """A rerun has delta 0, interval [0, 0] and p 1."""
    _, base = _scores(100, 2)
    found = compare(base, base)
    assert found[:3] == (0.0, Interval(0.0, 0.0), 1.0)


def test_a_constant_change_has_an_interval_of_no_width() -> None:
    """Where every item changes alike there is nothing to draw."""
    _, base = _scores(100, 2)
    found = compare(base + 5, base)
    assert found.interval.low == pytest.approx(5, abs=1e-9)
    assert found.interval.high == pytest.approx(5, abs=1e-9)


def test_seeds_widen_the_interval() -> None:
    """Three trainings that differ by points leave more doubt than their mean shows."""
    _, base = _scores(200, 5)
    seeds = np.stack([base + 3, base, base - 3])
    assert compare(seeds, base).interval.high > 2
    assert compare(seeds.mean(axis=0), base).interval.high == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seeds_without_siblings_give_the_interval_of_a_t_test(seeds: int) -> None:
    """Where items add nothing: mean ± t × s / √k, with k − 1 degrees of freedom."""
    shifts = np.random.default_rng(seeds).normal(0, 2, seeds)
    values = np.zeros((seeds, 50)) + shifts[:, None]
    interval = bootstrap({"m": values}, plan=Resampling(n_resamples=20_000)).estimate("m").interval
    half = student.ppf(0.975, seeds - 1) * shifts.std(ddof=1) / np.sqrt(seeds)
    assert interval.high == pytest.approx(shifts.mean() + half, rel=0.08)
    assert interval.low == pytest.approx(shifts.mean() - half, rel=0.08)


def test_one_seed_is_drawn_as_items_alone() -> None:
    """A row of seeds × items with one seed is the same as the items."""
    tuned, base = _scores(60, 3)
    assert compare(tuned[None, :], base, plan=PLAN) == compare(tuned, base, plan=PLAN)


def test_seeds_move_together_over_tasks() -> None:
    """A good seed is good on every task, so averaging tasks doesn't average the seeds away."""
    values = np.zeros((3, 40)) + np.array([[-3.0], [0.0], [3.0]])
    tasks = [bootstrap({"v": values}, plan=PLAN.on(name)) for name in ("x", "y")]
    np.testing.assert_allclose(mean_over_tasks(tasks).resampled, tasks[0].resampled, atol=1e-9)


def test_tasks_over_other_items_are_independent() -> None:
    """The variance of a mean of two tasks is half that of one."""
    tuned, _ = _scores(500, 6)
    tasks = [bootstrap({"v": tuned}, plan=Resampling(stream=name)) for name in ("x", "y")]
    assert mean_over_tasks(tasks).resampled.var() == pytest.approx(tasks[0].resampled.var() / 2, rel=0.06)


def test_a_missing_score_stops_the_comparison() -> None:
    """NaN is an error and no zero."""
    with pytest.raises(ScoreMissing):
        compare([1.0, np.nan, 3.0], [1.0, 2.0, 3.0])


def test_other_items_cannot_be_paired() -> None:
    """Both models need as many items."""
    with pytest.raises(EvaluationError, match="2 items where 3"):
        compare([1.0, 2.0, 3.0], [1.0, 2.0])


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_is_a_share(level: float) -> None:
    """95 is not 0.95."""
    with pytest.raises(EvaluationError, match="between 0 and 1"):
        percentile(np.arange(10.0), level=level)
