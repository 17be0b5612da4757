"""Alpha spent over planned looks: the levels are those of the literature, and all looks together have alpha."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from tcmbench.errors import EvaluationError
from tcmbench.stats.looks import boundaries, level_of_look

ROOT = Path(__file__).parents[2]


def levels(planned: int, **options: list[float]) -> list[float]:
    """Return alpha of every look."""
    return [
        level_of_look(look, planned=planned, alpha=0.05, **{name: value[: look - 1] for name, value in options.items()})
        for look in range(1, planned + 1)
    ]


def test_a_short_simulation_keeps_alpha_where_uncorrected_looks_don_t() -> None:
    """The script fails, too, where four looks at 5% each would miss the truth in no more than 5%."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.looks_simulation", "--short"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All bounds hold" in done.stdout


def test_one_look_has_all_of_alpha() -> None:
    """Without a plan nothing changes."""
    assert levels(1) == [0.05]


def test_pococks_boundary_is_reproduced() -> None:
    """Two looks at 2.94% each have 5% together (Pocock, Biometrika 64, 1977, table 1)."""
    assert boundaries([0.0294, 0.05], [0.5])[1] == pytest.approx(0.0294, abs=1e-4)


def test_four_looks_together_cross_in_alpha_of_cases() -> None:
    """By a million sums of independent parts; at 5% each they would in 12.6% (Armitage et al. 1969)."""
    parts = np.random.default_rng(0).normal(size=(400_000, 4)).cumsum(axis=1) / np.sqrt([1, 2, 3, 4])
    bounds = norm.isf(np.array(levels(4)) / 2)
    assert (np.abs(parts) > bounds).any(axis=1).mean() == pytest.approx(0.05, abs=0.001)
    assert (np.abs(parts) > 1.96).any(axis=1).mean() == pytest.approx(0.126, abs=0.002)


def test_looks_that_share_less_data_have_smaller_alphas() -> None:
    """Independent looks are the most chances; alpha rises from look to look, up to almost all of it."""
    equal, apart, alike = levels(4), levels(4, shares=[0.0] * 3), levels(4, shares=[0.99] * 3)
    assert equal == sorted(equal)
    assert all(least <= middle <= most for least, middle, most in zip(apart, equal, alike, strict=True))
    assert apart[1] == pytest.approx(0.05 * 3 / 16 / (1 - 0.05 / 16), abs=1e-4)


def test_a_look_that_was_not_planned_is_an_error() -> None:
    """Nor may a share of data be missing."""
    with pytest.raises(EvaluationError, match="planned"):
        level_of_look(5, planned=4, alpha=0.05)
    with pytest.raises(EvaluationError, match="2 shares"):
        level_of_look(3, planned=4, alpha=0.05, shares=[0.5])
