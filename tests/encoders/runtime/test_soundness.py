"""Vectors and scores that mean nothing never reach a ranking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tcmbench.encoders.runtime.soundness import check_pair_scores, check_vectors, guard
from tcmbench.errors import EvaluationError


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_counted(value: float) -> None:
    """One token that gives NaN is enough for a wrong nDCG that looks like any other."""
    vectors = np.ones((5, 3), np.float32)
    vectors[[1, 3], 2] = value
    with pytest.raises(EvaluationError, match="m: 2 of 5 vectors hold NaN or infinity"):
        check_vectors(vectors, ["text"] * 5, name="m")


def test_large_vectors_are_finite() -> None:
    """Squares that overflow are no infinity of the vector's."""
    check_vectors(np.full((2, 3), 1e30, np.float32), ["a", "b"], name="m")


def test_zero_vectors_are_for_empty_texts_alone() -> None:
    """A cosine of 0 to everything is no measurement."""
    vectors = np.array([[0.0, 0.0], [1.0, 0.0]], np.float32)
    check_vectors(vectors, [" \n", "text"], name="m")
    with pytest.raises(EvaluationError, match="1 of 2 vectors are all zeros"):
        check_vectors(vectors, ["text", "text"], name="m")


def test_pair_scores_that_are_no_numbers_are_counted() -> None:
    """A server's null becomes NaN on its way."""
    with pytest.raises(EvaluationError, match="1 of 2 scores are not numbers"):
        check_pair_scores(np.array([0.5, np.nan]), [("q", "a"), ("q", "b")], name="m")


def test_saturated_probabilities_are_refused() -> None:
    """Documents that the model tells apart would tie at 1.0."""
    pairs = [("q", str(number)) for number in range(100)]
    scores = np.linspace(0.1, 0.9, 100)
    check_pair_scores(scores, pairs, name="m")
    scores[:3] = 1.0
    with pytest.raises(EvaluationError, match="3 of 100 scores are exactly 0 or 1"):
        check_pair_scores(scores, pairs, name="m")


def test_logits_of_zero_and_one_are_no_saturation() -> None:
    """Only scores that all lie within 0 and 1 are probabilities."""
    pairs = [("q", str(number)) for number in range(10)]
    check_pair_scores(np.array([0.0, 1.0] * 4 + [-3.0, 7.0]), pairs, name="m")


def test_one_pair_that_stands_often_counts_once() -> None:
    """A repeat has the score of its first."""
    check_pair_scores(np.array([1.0, 1.0, 1.0, 0.3]), [("q", "a")] * 3 + [("q", "b")], name="m")


class _Encoder:
    def __init__(self, value: float) -> None:
        self.value = value

    def encode(self, inputs: Any, **_: Any) -> np.ndarray:
        return np.full((sum(len(batch["text"]) for batch in inputs), 2), self.value, np.float32)


@pytest.mark.parametrize(("value", "refused"), [(1.0, False), (np.nan, True), (0.0, True)])
def test_encoders_of_any_package_are_guarded(value: float, *, refused: bool) -> None:
    """The guard sits where mteb calls, so no task type is left out."""
    model: Any = guard(_Encoder(value), name="m")  # type: ignore[arg-type]
    if refused:
        with pytest.raises(EvaluationError, match="2 of 2 vectors"):
            model.encode([{"text": ["a", "b"]}])
    else:
        assert model.encode([{"text": ["a", "b"]}]).shape == (2, 2)


def test_an_encoder_may_say_that_zero_means_unknown() -> None:
    """TF-IDF of a text without a known term is zero by definition."""
    inner = _Encoder(0.0)
    inner.zero_means_unknown = True  # type: ignore[attr-defined]
    model: Any = guard(inner, name="m")  # type: ignore[arg-type]
    assert not model.encode([{"text": ["a"]}]).any()
