"""What so many items can show."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from tcmbench.stats.estimates import Interval
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.power import (
    Noise,
    allocation,
    error_for,
    error_of,
    items_factor,
    noise_of,
    power,
    seeds_for,
    smallest_loss,
)

ERROR = 25.0 / np.sqrt(1_600)
INTERVAL = Interval(-1.0 - 1.959964 * ERROR, -1.0 + 1.959964 * ERROR)


def test_power_is_statsmodels() -> None:
    """The normal approximation is the library's, one tail of it: passing a margin of 2 is seeing a difference of 2."""
    theirs = NormalIndPower(ddof=0).power(2.0 / 25.0, 1_600, 0.025, ratio=0, alternative="larger")
    assert power(INTERVAL, margin=2.0).to_pass == pytest.approx(theirs, abs=1e-6)


def test_the_smallest_loss_seen_is_seen_four_times_of_five() -> None:
    """The two formulas invert each other."""
    assert power(INTERVAL, margin=power(INTERVAL, margin=1.0).smallest_seen).to_pass == pytest.approx(0.8)


def test_without_a_margin_one_harmless_variant_in_forty_passes() -> None:
    """Half of alpha."""
    assert power(INTERVAL, margin=0.0).to_pass == pytest.approx(0.025)


def test_without_noise_everything_is_certain() -> None:
    """Values that don't change have an interval of no width."""
    assert power(Interval(0.0, 0.0), margin=1.0) == (1.0, 0.0)


def test_the_formula_agrees_with_variants_that_are_drawn() -> None:
    """On zero-inflated differences of 800 items the share of harmless variants that pass is good to a few points."""
    random = np.random.default_rng(1)
    deltas = random.choice([0.0, 100.0, -37.0, -100.0], 800, p=[0.8, 0.06, 0.08, 0.06])
    deltas -= deltas.mean()
    interval = bootstrap({"d": deltas}).estimate("d").interval
    drawn = random.choice(deltas, (2_000, 800))
    lower = drawn.mean(axis=1) - 1.959964 * drawn.std(axis=1, ddof=1) / np.sqrt(800)
    assert power(interval, margin=3.0).to_pass == pytest.approx(float((lower >= -3.0).mean()), abs=0.05)


def test_the_sources_of_the_noise_add_up() -> None:
    """What the items don't explain is training's; more of either reaches the same standard error."""
    items = 1.959964 * np.sqrt(2 / 3)
    noise = noise_of(Interval(-1.959964, 1.959964), over_items=Interval(-items, items), number=3, lent=float("inf"))
    assert noise.error == pytest.approx(1.0, abs=1e-6)
    assert noise.seeds == pytest.approx(1.0, abs=1e-6)
    assert noise.items == pytest.approx(2 / 3, abs=1e-6)
    factor = items_factor(noise, error=0.8)
    assert factor is not None
    assert noise.items / factor + 1 / 3 == pytest.approx(0.64)
    seeds = seeds_for(noise, error=0.9)
    assert seeds is not None
    assert noise.items + 1 / seeds <= 0.81 < noise.items + 1 / (seeds - 1)


def test_more_seeds_also_know_their_noise_better() -> None:
    """A training's variance of 1 known by two degrees of freedom: three seeds more than if it were known."""
    noise = Noise(items=0.1, seeds=1.0, number=3, lent=0.0)
    assert noise.of_training(3) == pytest.approx((4.302653 / 1.959964) ** 2 / 3, rel=1e-5)
    seeds = seeds_for(noise, error=np.sqrt(0.2))
    assert seeds == 13
    assert noise.of_training(13) <= 0.1 < noise.of_training(12)
    assert seeds_for(noise._replace(lent=float("inf")), error=np.sqrt(0.2)) == 10


def test_what_items_or_seeds_can_t_reach_is_no_number() -> None:
    """Below the noise of training no items help, below that of the items no seeds; of one seed nothing is known."""
    noise = Noise(items=0.5, seeds=1.5, number=3)
    assert items_factor(noise, error=0.7) is None
    assert seeds_for(noise, error=0.7) is None
    unknown = noise_of(Interval(-1, 1), over_items=Interval(-1, 1), number=1, lent=None)
    assert (unknown.seeds, seeds_for(unknown, error=0.1)) == (None, None)


def test_the_smallest_loss_and_its_standard_error_invert_each_other() -> None:
    """The formula is that of `power`."""
    loss = power(INTERVAL, margin=1.0).smallest_seen
    assert smallest_loss(error_of(INTERVAL), alpha=0.05) == pytest.approx(loss)
    assert error_for(loss, alpha=0.05) == pytest.approx(error_of(INTERVAL))


def test_items_are_added_where_their_spread_is_largest() -> None:
    """The variance wanted is reached with fewer items than the same factor on all tasks; none is taken away."""
    variances, items = [4.0, 1.0, 0.01], [100, 400, 1_000]
    more = allocation(variances, items, factor=2.0)
    reached = sum(v * now / then for v, now, then in zip(variances, items, more, strict=True))
    assert reached == pytest.approx(sum(variances) / 2, rel=0.01)
    assert reached <= sum(variances) / 2
    assert more[2] == 1_000
    assert sum(more) < 2 * sum(items)
    assert allocation(variances, items, factor=0.5) == items


def test_a_single_task_gets_all_of_them() -> None:
    """Whatever the last bit of its variance and the factor."""
    random = np.random.default_rng(2)
    for variance, factor in zip(random.uniform(0.1, 9, 300), random.uniform(1.01, 9, 300), strict=True):
        assert allocation([variance], [100], factor=factor) == [int(np.ceil(100 * factor - 1e-6))]


def test_a_single_model_of_several_trainings_shows_no_spread_of_its_own() -> None:
    """More trainings in it make it less variable, and nothing better known."""
    several, soup = (Noise(items=0.1, seeds=1.0, number=3, lent=2.0, is_single=one) for one in (False, True))
    assert [soup.of_training(n) * n for n in (3, 9)] == pytest.approx([soup.of_training(3) * 3] * 2)
    assert soup.of_training(3) > several.of_training(3)
    assert several.of_training(9) * 9 < several.of_training(3) * 3
