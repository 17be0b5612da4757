"""A tuned model that is of no use is refused before it is stored."""

from __future__ import annotations

import numpy as np
import pytest

from tcmbench.errors import TrainingError
from tcmbench.trainers._runtime import parity

VECTORS = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (np.zeros_like(VECTORS), "vectors without a direction"),
        (np.tile(VECTORS[0], (6, 1)) * np.arange(1, 7)[:, None], "the same vector for different texts"),
        (np.tile(VECTORS[0], (6, 1)) + VECTORS * 1e-7, "the same vector for different texts"),
        (VECTORS * np.array([1, 1, 0, 1, 1, 1])[:, None], "vectors without a direction"),
        (VECTORS * 1e30, "vectors without a direction"),
        (np.concatenate([VECTORS[:5], VECTORS[:1]]), "the same vector for different texts"),
        (np.array([-3.0, -3.0, -3.0]), "the same score for all canary pairs"),
        (np.where(VECTORS > 1, np.nan, VECTORS), "gives NaN"),
        (np.array([1.0, np.inf, 2.0]), "gives NaN"),
    ],
)
def test_models_that_tell_nothing_apart_are_refused(numbers: np.ndarray, said: str) -> None:
    """Zero, all alike or not finite: all documents would tie, and the advice is a lower learning rate."""
    with pytest.raises(TrainingError, match=f"variant x: .*{said}.*Lower training.learning_rate"):
        parity.refuse_unusable(numbers.astype(np.float32), where="variant x")


@pytest.mark.parametrize("numbers", [VECTORS, np.array([0.1, 0.1, 0.2])])
def test_models_that_tell_texts_apart_pass(numbers: np.ndarray) -> None:
    """Two of three scores may be alike."""
    parity.refuse_unusable(numbers.astype(np.float32), where="variant x")
    changed = parity.refuse_unchanged(numbers + 1, numbers, where="variant x")
    assert changed == pytest.approx(1.0, abs=1e-6)


def test_what_the_base_gave_already_is_no_collapse() -> None:
    """A text without a known token has a vector of zeros in a static base, and keeps it."""
    before = VECTORS * np.array([0, 0, 1, 1, 1, 1], dtype=np.float32)[:, None]
    parity.refuse_unchanged(before * 2, before, where="variant x")
    with pytest.raises(TrainingError, match="vectors without a direction"):
        parity.refuse_unchanged(before * 2, VECTORS, where="variant x")
