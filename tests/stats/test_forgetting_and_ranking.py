"""Backward transfer, retention, Borda, the front and ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcmbench.errors import EvaluationError, UnknownName
from tcmbench.stats.draws import mean_over_tasks
from tcmbench.stats.forgetting import forgetting
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.ranking import borda, on_front, rank_ranges, tied
from tcmbench.stats.resampling import Resampling

RANDOM = np.random.default_rng(8)
BASE = {"x": RANDOM.random(400) * 100, "y": RANDOM.random(100) * 100}
TUNED = {"x": BASE["x"] - 4 + RANDOM.normal(0, 5, 400), "y": BASE["y"] + 1 + RANDOM.normal(0, 5, 100)}
TASKS = {
    name: bootstrap({"v": TUNED[name], "base": BASE[name]}, plan=Resampling(n_resamples=2_000, stream=name))
    for name in BASE
}


def test_backward_transfer_is_the_plain_mean_over_tasks() -> None:
    """A task of 100 items counts as much as one of 400."""
    found = forgetting(TASKS, "v", base="base")
    expected = np.mean([TUNED[name].mean() - BASE[name].mean() for name in BASE])
    assert found.backward_transfer.value == pytest.approx(expected)
    assert found.backward_transfer.interval.holds(expected)
    assert found.tasks == 2


def test_the_interval_over_tasks_has_the_width_of_independent_tasks() -> None:
    """Variances of tasks add up."""
    width = np.ptp(forgetting(TASKS, "v", base="base").backward_transfer.interval[:2])
    errors = [(TUNED[name] - BASE[name]).std(ddof=1) / np.sqrt(len(BASE[name])) for name in BASE]
    assert width == pytest.approx(2 * 1.96 * np.hypot(*errors) / 2, rel=0.08)


def test_the_worst_task_is_the_one_that_fell_most() -> None:
    """It comes with its own interval."""
    found = forgetting(TASKS, "v", base="base")
    assert found.worst_task == "x"
    assert found.worst == TASKS["x"].difference("v", "base")


def test_retention_is_the_share_of_the_base_that_is_kept() -> None:
    """Mean of the variant over mean of the base, with an interval around it."""
    found = forgetting(TASKS, "v", base="base").retention
    assert found is not None
    expected = sum(row.mean() for row in TUNED.values()) / sum(row.mean() for row in BASE.values())
    assert found.value == pytest.approx(expected)
    assert found.interval.low < expected < found.interval.high


def test_a_base_that_scores_nothing_has_no_retention() -> None:
    """Nothing is divided by zero."""
    draws = {"x": bootstrap({"v": [1.0, 2.0, 3.0] * 2, "base": [0.0] * 6})}
    assert forgetting(draws, "v", base="base").retention is None


def test_the_share_of_worse_items_counts_tasks_equally() -> None:
    """The mean over tasks of their shares."""
    assert forgetting(TASKS, "v", base="base", worse={"x": 0.2, "y": 0.4}).worse == pytest.approx(0.3)
    with pytest.raises(EvaluationError, match="not compared: z"):
        forgetting(TASKS, "v", base="base", worse={"z": 0.2})


def test_tasks_with_other_models_cannot_be_averaged() -> None:
    """Nor can no tasks at all."""
    other = bootstrap({"w": TUNED["x"], "base": BASE["x"]}, plan=Resampling(n_resamples=2_000))
    for tasks in ([TASKS["x"], other], []):
        with pytest.raises(EvaluationError):
            mean_over_tasks(tasks)
    with pytest.raises(UnknownName, match="Did you mean 'base'"):
        TASKS["x"].value("bose")


def test_borda_counts_the_models_below() -> None:
    """Half a point for an equal one; first everywhere is 1."""
    assert borda([[3.0, 9.0], [2.0, 5.0], [2.0, 1.0]]).tolist() == [1.0, (0.5 + 1) / 4, 0.5 / 4]
    assert borda([[1.0, 2.0]]).tolist() == [1.0]


tables = st.integers(2, 6).flatmap(
    lambda models: st.lists(
        st.lists(st.integers(0, 4).map(float), min_size=3, max_size=3), min_size=models, max_size=models
    )
)


@given(tables)
@settings(max_examples=40)
def test_borda_shares_out_the_same_points_whatever_the_ties(table: list[list[float]]) -> None:
    """The mean share is one half, and only the order within a task matters."""
    shares_of_points = borda(table)
    assert shares_of_points.mean() == pytest.approx(0.5)
    np.testing.assert_allclose(borda(np.array(table) ** 3 + 7), shares_of_points)


@given(tables)
@settings(max_examples=40)
def test_the_front_holds_exactly_what_nobody_beats(table: list[list[float]]) -> None:
    """Against a plain double loop; equal models share their fate."""
    x, y, _ = np.array(table).T
    expected = [
        not any((x[j] >= x[i] and y[j] >= y[i]) and (x[j] > x[i] or y[j] > y[i]) for j in range(len(x)))
        for i in range(len(x))
    ]
    assert on_front(x, y).tolist() == expected
    assert on_front(x, y).any()


def test_models_that_cannot_be_told_apart_share_ranks() -> None:
    """Ranks go by the interval of the difference, not by whether two intervals overlap."""
    noise = RANDOM.normal(0, 20, 500)
    draws = bootstrap({"b": noise, "a": noise + 1.0, "c": noise - 0.01 + RANDOM.normal(0, 1, 500)})
    assert rank_ranges(draws) == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}
    assert tied(draws, "a", "a")
    assert tied(draws, "b", "c")
    overlap = draws.estimate("a").interval.low < draws.estimate("b").interval.high
    assert overlap


def test_being_tied_does_not_carry_over() -> None:
    """First with second and second with third are tied, and yet first is above third."""
    noise = RANDOM.normal(0, 20, 400)
    step = np.where(np.arange(400) % 2 == 0, 4.2, -3.8)
    draws = bootstrap({"low": noise, "middle": noise + step, "high": noise + 0.4})
    assert rank_ranges(draws) == {"low": (2, 3), "middle": (1, 3), "high": (1, 2)}


def test_a_lone_model_is_first() -> None:
    """There is no other model to be compared with."""
    assert rank_ranges(bootstrap({"a": RANDOM.normal(0, 1, 20)})) == {"a": (1, 1)}
