"""The noise of training: estimated from a variant's seeds and those of its siblings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import polygamma
from scipy.stats import t as student

from tcmbench.stats.draws import mean_over_tasks
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.resampling import Resampling
from tcmbench.stats.training_noise import TrainingNoise, deviations, noisier, prior_freedom

RESAMPLES = 20_000
OTHERS = {
    "b": np.array([1.0, 2.0, 3.0]),
    "c": np.array([5.0, 5.5, 7.5]),
    "d": np.array([4.0, 4.0, 1.0]),
    "once": np.array([9.0]),
}
SQUARES = sum(((seeds - seeds.mean()) ** 2).sum() for seeds in OTHERS.values())


def drawn(name: str, seeds: list[float], noise: TrainingNoise) -> np.ndarray:
    """Return the deviations of a model."""
    found = deviations(name, np.array(seeds), noise=noise, random=np.random.default_rng(3), resamples=RESAMPLES)
    assert found is not None
    return found


def reach(values: np.ndarray) -> float:
    """Return the half width of the 95% interval."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(high - low) / 2


def test_one_seed_has_the_pooled_noise_of_its_siblings() -> None:
    """Student's t with their degrees of freedom, and the standard deviation of a single training."""
    noise = TrainingNoise(OTHERS, {"a": "a"})
    expected = student.ppf(0.975, 6) * math.sqrt(SQUARES / 6)
    assert reach(drawn("a", [2.0], noise)) == pytest.approx(expected, rel=0.04)


def test_seeds_and_siblings_are_weighted_by_their_degrees_of_freedom() -> None:
    """Smyth 2004, eq. 9: (d₀ s₀² + d s²) / (d₀ + d), with d₀ + d degrees of freedom, over the number of seeds."""
    seeds = [0.0, 3.0, 3.0]
    noise = TrainingNoise(OTHERS, {"a": "a"}, prior=4.0)
    variance = (4 * SQUARES / 6 + 2 * 3.0) / 6
    expected = student.ppf(0.975, 6) * math.sqrt(variance / 3)
    assert reach(drawn("a", seeds, noise)) == pytest.approx(expected, rel=0.04)


def test_the_order_of_siblings_does_not_matter() -> None:
    """Board, `check` and `compare` list models differently, and give the same figures to the last bit."""
    one, other = (TrainingNoise(dict(order), {"a": "a"}) for order in (OTHERS.items(), reversed(OTHERS.items())))
    np.testing.assert_array_equal(drawn("a", [2.0], one), drawn("a", [2.0], other))


def test_a_variant_is_no_sibling_of_its_own() -> None:
    """Its own seeds count once: with siblings or without, those under its own name change nothing."""
    own = {"a": np.array([0.0, 3.0, 3.0])}
    alone = drawn("a", [0.0, 3.0, 3.0], TrainingNoise(own, {"a": "a"}))
    np.testing.assert_array_equal(alone, drawn("a", [0.0, 3.0, 3.0], TrainingNoise()))


@pytest.mark.parametrize(
    "noise", [TrainingNoise(), TrainingNoise(OTHERS), TrainingNoise({"once": np.array([1.0])}, {"a": "a"})]
)
def test_without_seeds_of_siblings_nothing_is_added(noise: TrainingNoise) -> None:
    """A base, and a variant of a set without seeds: the draws are those of the items, to the last bit."""
    assert deviations("a", np.array([2.0]), noise=noise, random=np.random.default_rng(3), resamples=9) is None
    items = np.random.default_rng(1).normal(50, 9, 40)
    plan = Resampling(n_resamples=100, noise=noise)
    draws = bootstrap({"a": items}, plan=plan)
    np.testing.assert_array_equal(draws.resampled, bootstrap({"a": items}, plan=Resampling(100)).resampled)
    assert draws.pooled == frozenset()


def test_a_task_without_a_sibling_uses_the_others_in_the_same_draws() -> None:
    """Its residuals count as none, and those of the others still stand for the whole: t with fewer degrees."""
    missing = {**OTHERS, "d": np.full(3, np.nan)}
    squares = SQUARES - 6.0
    expected = student.ppf(0.975, 4) * math.sqrt(squares / 4)
    noise = TrainingNoise(missing, {"a": "a"})
    assert (noise.freedom("a"), len(noise.residuals("a"))) == (4, 9)
    assert reach(drawn("a", [2.0], noise)) == pytest.approx(expected, rel=0.06)


def test_a_lucky_training_is_lucky_on_every_task() -> None:
    """The mean over two tasks whose residuals are equal varies as each does; opposite ones cancel."""
    opposite = {name: -seeds for name, seeds in OTHERS.items()}
    flat = np.full(30, 50.0)
    one, same, other = (
        bootstrap({"a": flat}, plan=Resampling(400, stream=stream, noise=TrainingNoise(siblings, {"a": "a"})))
        for stream, siblings in (("x", OTHERS), ("y", OTHERS), ("z", opposite))
    )
    np.testing.assert_allclose(mean_over_tasks([one, same]).resampled, one.resampled, atol=1e-9)
    np.testing.assert_allclose(mean_over_tasks([one, other]).resampled, 50.0, atol=1e-9)
    assert mean_over_tasks([one, same]).pooled == {"a"}


def test_trainings_of_two_models_are_independent() -> None:
    """The difference of two single trainings varies twice as much as one."""
    noise = TrainingNoise(OTHERS, {"a": "a", "e": "e"})
    flat = np.full(30, 50.0)
    draws = bootstrap({"a": flat, "e": flat}, plan=Resampling(RESAMPLES, noise=noise))
    assert draws.differences("a", "e").var() == pytest.approx(2 * draws.resampled[:, 0].var(), rel=0.1)


def test_prior_degrees_of_freedom_follow_the_spread_of_the_variances() -> None:
    """Infinite where variances are as alike as chance makes them; of unlike ones the solution of Smyth's equation."""
    random = np.random.default_rng(1)
    alike = {f"v{i}": random.normal(0, 1.0, 3) for i in range(200)}
    assert prior_freedom([alike]) > 30
    factors = np.sqrt(4 / random.chisquare(4, 4_000))  # variances that vary as those with four degrees of freedom do
    unlike = {f"v{i}": random.normal(0, factor, 3) for i, factor in enumerate(factors)}
    assert prior_freedom([unlike]) == pytest.approx(4, rel=0.25)
    two = {"x": np.array([0.0, 1.0, 2.0]), "y": np.array([0.0, 10.0, 20.0])}
    excess = np.log([1.0, 100.0]).var(ddof=1) - polygamma(1, 1)
    assert polygamma(1, prior_freedom([two]) / 2) == pytest.approx(excess, rel=1e-6)


def test_equal_seeds_say_nothing_about_the_prior() -> None:
    """A task on which all seeds score the same, and a set of one variant, leave it infinite."""
    assert prior_freedom([{"x": np.ones(3), "y": np.ones(3)}, {"x": np.arange(3.0)}, {}]) == math.inf


def test_a_variant_that_is_noisier_than_the_others_relies_on_its_own_seeds() -> None:
    """By more than chance, over all tasks together; the others still have siblings."""
    quiet = {"a": np.array([0, 0.1, 0.2]), "b": np.array([1, 1.2, 1.1]), "c": np.array([2, 2, 2.2])}
    loud = {"loud": np.array([0.0, 3.0, -3.0]), "once": np.array([9.0]), "part": np.array([1.0, np.nan])}
    assert noisier([{**quiet, **loud}] * 2) == {"loud"}
    assert noisier([quiet]) == noisier([]) == noisier([{"a": quiet["a"]}]) == frozenset()
    noise = TrainingNoise(OTHERS, {"a": "a", "b": "b"}, alone=frozenset({"a"}))
    assert (noise.lent("a", seeds=3), noise.lent("a", seeds=1), noise.lent("b", seeds=3)) == (0.0, 6, 4)
