"""How the vectors or scores of canaries differ from expected ones, and what that looks like.

A server that cuts texts earlier changes the long ones only, one that strips them those with outer white space; half
precision changes all a little and about alike, and another model, prompt or pooling changes all, some much more.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

EQUAL = 1e-4
"""Largest difference between numbers of two vectors of unit length, or relative one between two logits, that counts as
none: two implementations in float32 differ by less than 1e-6."""

SAME_MODEL = 0.045
"""Length of the difference of two unit vectors whose cosine is 0.999: one model in another batch or in half precision
stays below, tuned models differ by 0.33 and more."""

_OTHER = 0.15
"""Length of the difference from which texts are another model's: a cosine of 0.99. Of mini-zh, weights in bfloat16 give
0.01, in 8 bits 0.08 to 0.13."""

_UNEVEN = 3.0
"""Ratio of the largest to the smallest difference of plain texts from which it isn't rounding: of mini-zh, float16,
bfloat16 and 8 bits give 1.2 to 1.6, and a tuned table of token vectors changes some texts only."""

_ABOVE_ROUNDING = 5.0
"""Factor by which a text differs more than plain ones do, where it has a reason of its own."""

_SAME_TEXT = 1e-3
"""Length of the difference below which two texts count as read alike."""

_LARGEST_LOGIT = 7.0
"""Beyond it a probability in single precision has few digits left."""

EMPTY = "an empty text"
"""Label of the empty text, which strict servers refuse."""

LONG = " characters"
"""End of the labels of long texts."""

_WHITE = ("a trailing newline", "outer spaces")

Kind = Literal["other model", "rounding", "long texts", "white space", "empty text"]
"""What a difference looks like."""

_WORDS: dict[Kind, str] = {
    "other model": "all texts differ clearly: another model, prompt, instruction or pooling",
    "rounding": "all texts differ a little, about alike: half precision, quantised weights, or a model tuned lightly",
    "long texts": "long texts differ more than others: they are cut at another length",
    "white space": "texts with outer white space differ: the server strips them",
    "empty text": "only the empty text differs",
}


class Drift(NamedTuple):
    """Difference of canaries."""

    kinds: tuple[Kind, ...]
    """What it looks like; empty where there is none."""

    largest: float
    """Largest difference between two numbers of unit vectors, or between two scores."""

    where: str
    """Label of the canary that has it."""

    cosine: float | None
    """Smallest cosine; None for scores, and for vectors of another length."""

    detail: str = ""
    """Length that texts are cut at, or lengths of vectors."""

    @property
    def is_drift(self) -> bool:
        """Whether there is a difference."""
        return bool(self.kinds)

    def said(self) -> str:
        """Return the difference as a sentence without its end."""
        cosine = "" if self.cosine is None else f", smallest cosine {self.cosine:.5f}"
        words = "; ".join(_WORDS[kind] for kind in self.kinds) or "no difference"
        detail = f" ({self.detail})" if self.detail else ""
        return f"{words}{detail}; largest difference {self.largest:.2g} ({self.where}){cosine}"


def of_vectors(
    expected: Mapping[str, NDArray[np.float32]], actual: Mapping[str, NDArray[np.float32]], *, tolerance: float
) -> Drift:
    """Return how vectors differ; lengths of the vectors are left aside.

    Args:
        expected: Label → vector.
        actual: Label → vector; labels that one side lacks are left out.
        tolerance: `EQUAL`: largest difference between two numbers; `SAME_MODEL`: length of a difference.
    """
    sizes = {vector.size for vector in expected.values()} | {vector.size for vector in actual.values()}
    if len(sizes) > 1:
        lengths = [next(iter(side.values())).size for side in (actual, expected)]
        return Drift(("other model",), 2.0, "all", None, f"vectors of {lengths[0]} numbers instead of {lengths[1]}")
    labels = [label for label in expected if label in actual]
    before = np.stack([_unit(expected[label]) for label in labels])
    now = np.stack([_unit(actual[label]) for label in labels])
    apart = np.linalg.norm(before - now, axis=1)
    numbers = np.abs(before - now).max(axis=1)
    differs = (apart if tolerance == SAME_MODEL else numbers) > tolerance
    places = {label: place for place, label in enumerate(labels)}
    kinds = _kinds(labels, apart, differs)
    widest = int(np.argmax(numbers))
    detail = _cut_at(places, before, now) if "long texts" in kinds else ""
    if kinds == ("rounding",):
        detail = f"by {float(np.median(apart)):.2%} of a vector; float16 gives about 0.1%, bfloat16 1%, 8 bits 10%"
    cosine = float((before * now).sum(axis=1)[[place for label, place in places.items() if before[place].any()]].min())
    return Drift(kinds, float(numbers[widest]), labels[widest], cosine, detail)


def of_scores(
    expected: Mapping[str, NDArray[np.float32]], actual: Mapping[str, NDArray[np.float32]], *, tolerance: float
) -> Drift:
    """Return how scores differ: as logits, also those that one side gives as probabilities, relative to the largest.

    Args:
        expected: Label → array of one score.
        actual: The same; labels that one side lacks are left out.
        tolerance: `EQUAL` or `SAME_MODEL`.
    """
    labels = [label for label in expected if label in actual]
    sides = [np.array([side[label][0] for label in labels], dtype=np.float64) for side in (expected, actual)]
    before, now = _both(sides[0], sides[1])
    apart = np.abs(before - now) / max(1.0, float(np.abs(before).max()))
    kinds = _kinds(labels, apart, apart > tolerance)
    widest = int(np.argmax(apart))
    return Drift(kinds, float(abs(before - now)[widest]), labels[widest], None)


def _kinds(labels: list[str], apart: NDArray[np.floating], differs: NDArray[np.bool_]) -> tuple[Kind, ...]:
    """Return what differences look like, those that plain texts don't explain last."""
    if not differs.any():
        return ()
    groups = np.array([_group(label) for label in labels])
    plain = float(apart[groups == "rounding"].max(initial=0.0))
    least = float(apart[groups == "rounding"].min(initial=plain))
    if plain > _OTHER or ((differs & (groups == "rounding")).any() and plain > _UNEVEN * least):
        return ("other model",)
    beyond = differs & (apart > _ABOVE_ROUNDING * plain)
    kinds: list[Kind] = ["rounding"] if (differs & ~beyond).any() else []
    special: tuple[Kind, ...] = ("long texts", "white space", "empty text")
    return (*kinds, *(kind for kind in special if beyond[groups == kind].any()))


def _group(label: str) -> Kind:
    if label in _WHITE:
        return "white space"
    if label.endswith(LONG):
        return "long texts"
    return "empty text" if label == EMPTY else "rounding"


def _cut_at(places: Mapping[str, int], before: NDArray[np.float32], now: NDArray[np.float32]) -> str:
    """Return where texts seem to be cut, of which each begins with the shorter one."""
    longs = [label for label in places if label.endswith(LONG)]
    for shorter, longer in itertools.pairwise(longs):
        a, b = places[shorter], places[longer]
        is_cut = [bool(np.linalg.norm(side[a] - side[b]) < _SAME_TEXT) for side in (before, now)]
        if is_cut == [False, True]:
            return f"the server reads at most the first {shorter} of a text, where more are expected"
        if is_cut == [True, False]:
            return f"the server reads more than the first {shorter} of a text, where they should be cut"
    return ""


def logits(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores as logits where all of them can be probabilities, else unchanged."""
    if ((scores < 0) | (scores > 1)).any():
        return scores
    least = float(np.finfo(np.float64).tiny)
    return np.log(np.maximum(scores, least)) - np.log(np.maximum(1 - scores, least))


def _both(before: NDArray[np.float64], now: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scores of both sides as logits; where one gives probabilities, without those that were rounded."""
    sides = (logits(before), logits(now))
    if sides[0] is before and sides[1] is now:
        return sides
    return np.clip(sides[0], -_LARGEST_LOGIT, _LARGEST_LOGIT), np.clip(sides[1], -_LARGEST_LOGIT, _LARGEST_LOGIT)


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector
