"""What so many items can show."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from tcmbench.stats.estimates import Interval
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.power import power

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
