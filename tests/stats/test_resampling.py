"""Draws are exact, independent of memory and of everything else on the board."""

from __future__ import annotations

import numpy as np
import pytest

from tcmbench.errors import EvaluationError, ScoreMissing
from tcmbench.stats import inputs
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.randomisation import sign_flip
from tcmbench.stats.resampling import Resampling, cluster_sums, count_blocks, count_columns, on_grid, sign_blocks

RANDOM = np.random.default_rng(3)


def _plan(**changes: object) -> Resampling:
    return Resampling(**{"n_resamples": 300, "seed": 7, "stream": "t", **changes})


@pytest.mark.parametrize("blocks", [count_blocks, sign_blocks])
def test_blocks_of_any_size_hold_the_same_draws(blocks: object) -> None:
    """One row at a time gives bit for bit what one large block gives."""
    whole = np.concatenate(list(blocks(37, _plan())))
    rows = np.concatenate(list(blocks(37, _plan(block_bytes=1))))
    np.testing.assert_array_equal(whole, rows)


@pytest.mark.parametrize("block_bytes", [1, 4 * 37 * 50, 32 << 20])
def test_columns_hold_the_draws_of_rows(block_bytes: int) -> None:
    """Statistics that walk through items see the same resamples as means do, whatever the blocks."""
    rows = np.concatenate(list(count_blocks(37, _plan())))
    columns = np.concatenate(list(count_columns(37, _plan(block_bytes=block_bytes))), axis=1)
    np.testing.assert_array_equal(columns.T, rows)


def test_blocked_means_equal_unblocked_ones_bit_for_bit() -> None:
    """The memory of a block changes no bit of means, intervals or p values."""
    values = {"a": RANDOM.random(501) * 100, "b": RANDOM.random((3, 501)) * 100}
    whole, blocked = (bootstrap(values, plan=_plan(block_bytes=size)) for size in (1 << 30, 501 * 8 * 7))
    np.testing.assert_array_equal(whole.resampled, blocked.resampled)
    deltas = values["b"] - values["a"]
    np.testing.assert_array_equal(sign_flip(deltas, plan=_plan()), sign_flip(deltas, plan=_plan(block_bytes=9_000)))


def test_every_resample_draws_as_many_clusters_as_there_are() -> None:
    """Counts are whole numbers that sum to the number of clusters."""
    counts = np.concatenate(list(count_blocks(20, _plan())))
    assert counts.shape == (300, 20)
    np.testing.assert_array_equal(counts.sum(axis=1), np.full(300, 20.0))
    np.testing.assert_array_equal(counts, np.round(counts))


def test_every_cluster_is_drawn_equally_often() -> None:
    """Means and variances of counts are those of the multinomial."""
    counts = np.concatenate(list(count_blocks(20, _plan(n_resamples=20_000))))
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=0.04)
    np.testing.assert_allclose(counts.var(axis=0), 0.95, atol=0.06)


def test_signs_are_fair_and_independent() -> None:
    """Signs are ±1, zero in the mean, and uncorrelated between clusters."""
    signs = np.concatenate(list(sign_blocks(70, _plan(n_resamples=20_000))))
    assert set(np.unique(signs)) == {-1.0, 1.0}
    np.testing.assert_allclose(signs.mean(axis=0), 0.0, atol=0.04)
    np.testing.assert_allclose(np.corrcoef(signs.T), np.eye(70), atol=0.05)


def test_a_model_more_on_the_board_moves_no_other() -> None:
    """A model's draws depend on its own scores and name, not on who else is compared."""
    values = {name: RANDOM.random((2, 90)) for name in "abc"}
    alone = bootstrap({"b": values["b"]}, plan=_plan())
    together = bootstrap(values, plan=_plan())
    np.testing.assert_array_equal(alone.resampled[:, 0], together.only({"b": "b"}).resampled[:, 0])


def test_sums_are_exact_in_any_order() -> None:
    """On the grid, summing forwards, backwards and pairwise gives the same bits, and hardly moves a value."""
    values = RANDOM.random((5_000, 1)) * 100
    exact = on_grid(values, inputs.clusters(None, items=5_000))[:, 0]
    forwards, backwards = sum(exact.tolist()), sum(exact[::-1].tolist())
    assert forwards == backwards == float(exact.sum())
    assert np.abs(exact - values[:, 0]).max() < 1e-10


def test_cluster_sums_add_the_items_of_each_cluster() -> None:
    """Clusters are numbered by first occurrence."""
    groups = inputs.clusters(["p2", "p1", "p2"], items=3)
    np.testing.assert_array_equal(cluster_sums(np.array([[1.0], [10.0], [2.0]]), groups), [[3.0], [10.0]])


def test_streams_are_independent() -> None:
    """Two tasks of the same size are drawn differently, one task always the same."""
    first, again, other = (next(count_blocks(30, _plan(stream=s))) for s in ("x", "x", "y"))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ([], EvaluationError, "at least one"),
        ([1.0, np.nan], ScoreMissing, "item 1"),
        ([[1.0, 2.0], [np.inf, 0.0]], ScoreMissing, "seed row 1"),
        (np.zeros((2, 2, 2)), EvaluationError, "shape"),
    ],
)
def test_bad_arrays_are_named(values: object, error: type[Exception], says: str) -> None:
    """Nothing is dropped or taken for zero."""
    with pytest.raises(error, match=says):
        inputs.rows(values, what="x")


@pytest.mark.parametrize(("ids", "items"), [(None, 1), (["p"] * 9, 9), (["p", "q"], 3)])
def test_one_cluster_or_the_wrong_number_of_ids_is_refused(ids: list[str] | None, items: int) -> None:
    """One patient says nothing about patients."""
    with pytest.raises(EvaluationError):
        inputs.clusters(ids, items=items)


def test_no_resamples_are_refused() -> None:
    """A plan draws at least once."""
    with pytest.raises(EvaluationError):
        Resampling(n_resamples=0)
