"""Halves of the items, and what they are for: the best of many is judged on items that didn't select it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tcmbench.stats import halves

NAMES = st.lists(st.text("abc", max_size=6), min_size=2, max_size=300)


@given(NAMES)
def test_every_item_is_in_one_half_with_its_cluster(clusters: list[str]) -> None:
    """The halves are disjoint and complete, and no cluster is in both."""
    first, second = halves.places(clusters, "selection"), halves.places(clusters, "confirmation")
    assert sorted([*first, *second]) == list(range(len(clusters)))
    assert not {clusters[place] for place in first} & {clusters[place] for place in second}


@given(NAMES)
def test_the_order_of_items_does_not_matter(clusters: list[str]) -> None:
    """The same clusters are selected from any order."""
    chosen = {clusters[place] for place in halves.places(clusters, "selection")}
    turned = clusters[::-1]
    assert {turned[place] for place in halves.places(turned, "selection")} == chosen


def test_small_tasks_have_equal_halves() -> None:
    """Of ten experiments five select and five confirm."""
    for count in (2, 10, 99):
        clusters = [f"sample {number}" for number in range(count)]
        assert len(halves.places(clusters, "selection")) == (count + 1) // 2


def test_a_patient_is_in_the_same_half_of_every_large_task() -> None:
    """Otherwise the selection on one task would have seen the patients that confirm on another."""
    one, other = [f"patient {n}" for n in range(400)], [f"patient {n}" for n in range(200, 900)]
    first = {one[place] for place in halves.places(one, "selection")}
    second = {other[place] for place in halves.places(other, "confirmation")}
    assert first
    assert second
    assert not first & second


class _Winner(NamedTuple):
    selected: float
    confirmed: float
    error: float


def _winner(gains: np.ndarray, rng: np.random.Generator, *, items: int = 400) -> _Winner:
    """Return the errors of both estimates of the best recipe's gain, and the confirmed one's standard error.

    Items share a part of their difficulty among recipes, as real ones do.
    """
    ids = [f"query {rng.integers(1 << 60)}" for _ in range(items)]
    first, second = halves.places(ids, "selection"), halves.places(ids, "confirmation")
    noise = 20 * (rng.normal(size=items)[None, :] * 0.7 + rng.normal(size=(len(gains), items)) * 0.7)
    values = gains[:, None] + noise
    best = int(values[:, first].mean(axis=1).argmax())
    confirmed = values[best, second]
    return _Winner(
        values[best, first].mean() - gains[best],
        confirmed.mean() - gains[best],
        confirmed.std(ddof=1) / np.sqrt(len(second)),
    )


def test_the_best_of_equal_recipes_is_confirmed_without_bias() -> None:
    """Selection alone claims a gain that isn't there; on the other half there is none, and the interval holds."""
    rng = np.random.default_rng(0)
    winners = [_winner(np.zeros(30), rng) for _ in range(2_000)]
    selected = np.array([winner.selected for winner in winners])
    confirmed = np.array([winner.confirmed for winner in winners])
    error = confirmed.std() / np.sqrt(len(winners))
    assert selected.mean() > 1.5
    assert abs(confirmed.mean()) < 3 * error
    covered = np.mean([abs(winner.confirmed) < 1.96 * winner.error for winner in winners])
    naive = np.mean([abs(winner.selected) < 1.96 * winner.error for winner in winners])
    assert 0.93 <= covered <= 0.97
    assert naive < 0.8


def test_unequal_recipes_are_confirmed_without_bias() -> None:
    """Where one is truly better, selection claims less too much, and confirmation still nothing too much."""
    rng = np.random.default_rng(1)
    winners = [_winner(np.linspace(0, 6, 30), rng) for _ in range(2_000)]
    confirmed = np.array([winner.confirmed for winner in winners])
    assert np.mean([winner.selected for winner in winners]) > 0.2
    assert abs(confirmed.mean()) < 3 * confirmed.std() / np.sqrt(len(winners))
    assert 0.93 <= np.mean([abs(winner.confirmed) < 1.96 * winner.error for winner in winners]) <= 0.97
