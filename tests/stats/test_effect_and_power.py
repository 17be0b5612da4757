"""Sizes of differences, and what so many items can show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from statsmodels.stats.power import NormalIndPower

from tcmbench.errors import EvaluationError
from tcmbench.stats import power
from tcmbench.stats.effect import paired_deviation, shares, standardised_difference
from tcmbench.stats.power import Design
from tests.stats.strategies import pairs


@given(pairs())
@settings(max_examples=40)
def test_shares_sum_to_one_and_mirror(scores: tuple[np.ndarray, np.ndarray]) -> None:
    """What improves one way gets worse the other way."""
    there, back = shares(*scores), shares(*scores[::-1])
    assert sum(there) == pytest.approx(1)
    assert (there.improved, there.worse) == (back.worse, back.improved)
    assert there.win_rate == pytest.approx(1 - back.win_rate)


def test_standardised_difference_is_mean_over_deviation() -> None:
    """d_z of differences 0, 1, 2, 3 is 1.5 over 1.29."""
    assert standardised_difference([0, 1, 2, 3], [0, 0, 0, 0]) == pytest.approx(1.5 / 1.2909944)
    assert standardised_difference([5, 5], [5, 5]) == 0.0
    assert standardised_difference([6, 6], [5, 5]) == math.inf
    assert standardised_difference([4, 4], [5, 5]) == -math.inf


def test_power_to_see_is_statsmodels() -> None:
    """The normal approximation is the library's, one tail of it."""
    design = Design(deviation=25.0, items=1_600)
    theirs = NormalIndPower(ddof=0).power(2.0 / 25.0, 1_600, 0.025, ratio=0, alternative="larger")
    assert power.to_see(design, delta=-2.0) == pytest.approx(theirs, abs=1e-9)


def test_at_the_margin_one_variant_in_forty_slips_through() -> None:
    """The chance to pass at a true loss of the margin is alpha / 2."""
    assert power.to_pass(Design(25.0, 1_600), delta=-1.0, margin=1.0) == pytest.approx(0.025)


def test_the_smallest_difference_seen_is_seen_with_the_power_asked_for() -> None:
    """The two formulas invert each other."""
    design = Design(30.0, 500)
    assert power.to_see(design, delta=power.smallest_seen(design, power=0.8)) == pytest.approx(0.8)


def test_without_noise_everything_is_certain() -> None:
    """A deviation of zero gives power 0 or 1."""
    design = Design(0.0, 10)
    assert [power.to_pass(design, delta=d, margin=1.0) for d in (-0.5, -1.5)] == [1.0, 0.0]


def test_simulated_power_agrees_with_the_formula() -> None:
    """On zero-inflated differences of 800 items the approximation is good to a few points."""
    deltas = np.random.default_rng(1).choice([0.0, 100.0, -37.0, -100.0], 800, p=[0.8, 0.06, 0.08, 0.06])
    formula = power.to_pass(Design(paired_deviation(deltas, np.zeros(800)), 800), delta=0.0, margin=3.0)
    assert power.by_simulation(deltas, delta=0.0, margin=3.0) == pytest.approx(formula, abs=0.05)


@pytest.mark.parametrize("wrong", [(-1.0, 10, 0.05), (1.0, 1, 0.05), (1.0, 10, 0.0), (math.nan, 10, 0.05)])
def test_an_impossible_design_is_refused(wrong: tuple[float, int, float]) -> None:
    """Power needs a deviation, items and a level."""
    with pytest.raises(EvaluationError):
        Design(*wrong)
