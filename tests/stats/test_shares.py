"""Shares of a change: ratios of means that are drawn together, refused where the denominator may be zero."""

from __future__ import annotations

import numpy as np
import pytest

from tcmbench.errors import EvaluationError
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.resampling import Resampling
from tcmbench.stats.shares import change, share

N = 400
PLAN = Resampling(n_resamples=2_000)


def drawn(gain: float, kept: float, *, seed: int = 0):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Return draws of a base, two tuned models that gain, and one that keeps a part of that."""
    rng = np.random.default_rng(seed)
    base = rng.random(N)
    change = gain + 0.2 * rng.standard_normal(N)
    other = gain + 0.2 * rng.standard_normal(N)
    values = {
        "base": base,
        "tuned": base + change,
        "other": base + other,
        "cure": base + kept * change + 0.05 * rng.standard_normal(N),
    }
    return bootstrap({k: v[None, :] for k, v in values.items()}, clusters=[str(i) for i in range(N)], plan=PLAN)


def test_a_share_is_the_ratio_of_two_changes_of_the_same_draws() -> None:
    """Value and interval are numpy's, from the ratio in every resample; nearly those before few items widen it."""
    draws = drawn(0.3, 0.8)
    found = share(draws, "cure", ("tuned",), base="base")
    at = {name: place for place, name in enumerate(draws.names)}
    observed = draws.observed - draws.observed[at["base"]]
    assert found.value == pytest.approx(observed[at["cure"]] / observed[at["tuned"]])
    ratios = draws.differences("cure", "base") / draws.differences("tuned", "base")
    assert found.interval[:2] == pytest.approx(np.quantile(ratios, [0.025, 0.975]))
    changes = draws.resampled - draws.resampled[:, [at["base"]]]
    raw = np.quantile(changes[:, at["cure"]] / changes[:, at["tuned"]], [0.025, 0.975])
    assert found.interval[:2] == pytest.approx(raw, abs=0.05 * (raw[1] - raw[0]))
    assert found.interval.low < 0.8 < found.interval.high
    assert found.interval.high - found.interval.low < 0.1  # unpaired, it would be three times as wide


def test_of_several_models_the_share_is_of_their_mean() -> None:
    """A soup is compared with the mean of its inputs."""
    draws = drawn(0.3, 0.8)
    at = {name: place for place, name in enumerate(draws.names)}
    changes = draws.observed - draws.observed[at["base"]]
    mean = (changes[at["tuned"]] + changes[at["other"]]) / 2
    assert share(draws, "cure", ("tuned", "other"), base="base").value == pytest.approx(changes[at["cure"]] / mean)
    assert change(draws, ("tuned", "other"), base="base").value == pytest.approx(mean)


def test_the_interval_is_fiellers_set() -> None:
    """A share lies inside exactly where the interval of numerator − share × denominator contains zero."""
    draws = drawn(0.3, 0.8)
    low, high, _ = share(draws, "cure", ("tuned",), base="base").interval
    above, below = draws.differences("cure", "base"), draws.differences("tuned", "base")
    assert below.min() > 0
    for value in np.linspace(low - 0.05, high + 0.05, 41):
        ends = np.quantile(above - value * below, [0.025, 0.975])
        if min(abs(value - low), abs(value - high)) > 1e-3:
            assert (ends[0] <= 0 <= ends[1]) == (low <= value <= high)


def test_a_share_of_a_change_that_may_be_zero_is_refused() -> None:
    """Any share would be possible: no figure is better than one with an interval that means nothing."""
    draws = drawn(0.003, 0.8)
    assert change(draws, ("tuned",), base="base").interval.holds(0.0)
    with pytest.raises(EvaluationError, match="not defined: the interval of that change contains zero"):
        share(draws, "cure", ("tuned",), base="base")


def test_intervals_of_shares_cover() -> None:
    """Of 200 sets of items, the interval contains the true share in 91% to 98%; the change is six standard errors."""
    inside = 0
    for seed in range(200):
        interval = share(drawn(0.06, 0.8, seed=seed), "cure", ("tuned",), base="base").interval
        inside += interval.low <= 0.8 <= interval.high
    assert 182 <= inside <= 196
