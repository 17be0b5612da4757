"""What a difference of canaries is called is what caused it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench.encoders.runtime import drift
from tcmbench.encoders.runtime.canaries import DOCUMENTS, TEXTS
from tcmbench.encoders.runtime.drift import EMPTY, EQUAL, SAME_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.encoders.runtime.canaries import Values

RANDOM = np.random.default_rng(7)
WHITE = {"a trailing newline", "outer spaces"}
LONG = [label for label in TEXTS if label.endswith(drift.LONG)]


def vectors() -> Values:
    """Return a vector for each canary."""
    made = {label: RANDOM.normal(size=64).astype(np.float32) for label in (*TEXTS, EMPTY)}
    return {label: each / np.linalg.norm(each) for label, each in made.items()}


def changed(values: Values, change: Callable[[str, np.ndarray], np.ndarray]) -> Values:
    """Return values with a change."""
    return {label: change(label, each).astype(np.float32) for label, each in values.items()}


def noise(size: float) -> np.ndarray:
    """Return a vector of about this length."""
    return RANDOM.normal(size=64) * size / 8


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lambda _, v: v, ()),
        (lambda _, v: 3 * v, ()),
        (lambda _, v: v + noise(1e-6), ()),
        (lambda _, v: v + noise(0.01), ("rounding",)),
        (lambda _, v: v + noise(0.1), ("rounding",)),
        (lambda _, v: v + noise(1.0), ("other model",)),
        (lambda label, v: v + noise(0.05 if label == "English" else 0.001), ("other model",)),
        (lambda _, v: v[:32], ("other model",)),
        (lambda label, v: v + noise(0.3 if label in WHITE else 0), ("white space",)),
        (lambda label, v: v + noise(0.3 if label in LONG[2:] else 1e-6), ("long texts",)),
        (lambda label, v: v + noise(0.3 if label == EMPTY else 1e-6), ("empty text",)),
        (lambda label, v: v + noise(0.6 if label in LONG[2:] else 0.01), ("rounding", "long texts")),
        (lambda label, v: v + noise(0.4 if label in {*WHITE, *LONG} else 0), ("long texts", "white space")),
    ],
)
def test_vectors(change: Callable[[str, np.ndarray], np.ndarray], kinds: tuple[str, ...]) -> None:
    """Their length doesn't matter."""
    before = vectors()
    found = drift.of_vectors(before, changed(before, change), tolerance=EQUAL)
    assert found.kinds == kinds
    assert found.is_drift is bool(kinds)


def test_the_place_of_a_cut_is_named() -> None:
    """By the texts that are read alike from there on, on one side only."""
    whole = vectors()
    cut = {label: whole[LONG[2]] if label in LONG[3:] else each for label, each in whole.items()}
    earlier = drift.of_vectors(whole, cut, tolerance=EQUAL)
    assert "reads at most the first 400 characters of a text, where more are expected" in earlier.said()
    later = drift.of_vectors(cut, whole, tolerance=EQUAL)
    assert "reads more than the first 400 characters of a text, where they should be cut" in later.said()


def test_one_model_in_another_batch_is_the_same() -> None:
    """Half precision may round otherwise there; a tuned model differs more."""
    before = vectors()
    assert not drift.of_vectors(before, changed(before, lambda _, v: v + noise(0.02)), tolerance=SAME_MODEL).is_drift
    assert drift.of_vectors(before, changed(before, lambda _, v: v + noise(0.3)), tolerance=SAME_MODEL).is_drift


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lambda _, v: v, ()), (lambda _, v: 1 / (1 + np.exp(-v)), ()), (lambda _, v: v + 0.03, ("rounding",)),
        (lambda _, v: -v, ("other model",)), (lambda label, v: v + (label in WHITE), ("white space",)),
        (lambda label, v: v - (label in LONG[1:]), ("long texts",)),
    ],
)  # fmt: skip
def test_scores(change: Callable[[str, np.ndarray], np.ndarray], kinds: tuple[str, ...]) -> None:
    """Logits and probabilities are compared as logits."""
    before = {label: np.array([place - 4.5], dtype=np.float32) for place, label in enumerate(DOCUMENTS)}
    assert drift.of_scores(before, changed(before, change), tolerance=EQUAL).kinds == kinds


def test_labels_that_one_side_lacks_are_left_out() -> None:
    """A strict server refuses the empty text."""
    before = vectors()
    now = {label: each for label, each in before.items() if label not in {EMPTY, *LONG}}
    assert not drift.of_vectors(before, now, tolerance=EQUAL).is_drift


@pytest.mark.parametrize(
    ("change", "low", "high"), [("float16", 3e-4, 3e-3), ("bfloat16", 3e-3, 3e-2), ("8 bits", 0.03, 0.3)]
)
def test_what_precision_changes_of_mini_zh(change: str, low: float, high: float) -> None:
    """About 0.1%, 1% and 10% of a vector, alike for all texts: so docs/verifying.md and the message say."""
    import torch

    from tcmbench import models
    from tcmbench.workspace import find

    model = models.base_model(find(Path(__file__).parent), "mini-zh")
    loaded: Any = models.load(model, cache=None)
    texts = list(TEXTS.values())
    before = loaded.encode_list(texts)
    network = loaded.model.model[0].auto_model
    if change == "8 bits":
        with torch.no_grad():
            for weights in network.parameters():
                step = weights.abs().amax(dim=-1, keepdim=True).clamp(min=1e-12) / 127
                weights.copy_((weights / step).round() * step)
    else:
        network.to(getattr(torch, change))
    now = loaded.encode_list(texts).astype(np.float32)
    found = drift.of_vectors(
        dict(zip(TEXTS, before, strict=True)), dict(zip(TEXTS, now, strict=True)), tolerance=drift.EQUAL
    )
    assert found.kinds == ("rounding",)
    assert low < float(np.median(np.linalg.norm(before - now, axis=1))) < high
