"""One margin for all trainers, by hand-made vectors."""

from __future__ import annotations

import numpy as np
import pytest

from tcmbench.trainers._runtime.margin import mean_margin

QUERIES = np.array([[1.0, 0.0], [0.0, 2.0]])


def test_the_closest_wrong_document_counts() -> None:
    """It is the positive of another example or a negative of the own; the negatives of others don't count."""
    documents = np.array([[[3.0, 0.0], [-1.0, 0.0]], [[0.0, 1.0], [1.0, 1.0]]])
    # the first: 1 - max(0, -1); the second: 1 - max(0, cos 45°)
    assert mean_margin(QUERIES, documents) == pytest.approx((1.0 + 1.0 - 0.5**0.5) / 2)
    assert mean_margin(QUERIES, documents[:, :1]) == pytest.approx(1.0)


def test_no_margin_without_a_wrong_document() -> None:
    """One example without negatives, no example, and vectors of zeros have none."""
    assert mean_margin(QUERIES[:1], np.ones((1, 1, 2))) is None
    assert mean_margin(QUERIES[:0], np.ones((0, 1, 2))) is None
    assert mean_margin(QUERIES, np.zeros((2, 1, 2))) is None
    assert mean_margin(QUERIES[:1], np.array([[[1.0, 0.0], [-1.0, 0.0]]])) == 2.0
