"""Unit vectors: zeros and what is no number are left as they are."""

from __future__ import annotations

import numpy as np

from tcmbench.ranking.unit_vectors import unit


def test_lengths_are_one_but_for_zeros() -> None:
    """The input is not changed."""
    given = np.array([[3, 4], [0, 0]], dtype=np.float32)
    np.testing.assert_allclose(unit(given), [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert given.tolist() == [[3, 4], [0, 0]]


def test_what_is_no_number_does_not_become_a_zero() -> None:
    """It would pass every check, and score."""
    assert np.isnan(unit(np.array([[np.nan, 1], [np.inf, 1]], dtype=np.float32))[:, 0]).all()
