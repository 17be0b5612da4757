"""Invalid vectors and scores are refused before anything is ranked with them.

NaN compares as neither less nor greater, so a ranking with NaN has some order, and a finite, wrong nDCG. A zero vector
has a cosine of 0 to everything, which is a valid score.
"""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tcmbench.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mteb.models.models_protocols import MTEBModels
    from numpy.typing import NDArray

_SATURATED_SHARE = 0.01
"""Share of pairs that may score exactly 0 or 1: float32 rounds a sigmoid to 1 from a logit of about 16.6 on."""


def sound(vectors: NDArray[Any], texts: Sequence[str], *, may_be_zero: bool) -> NDArray[np.bool_]:
    """Return which vectors are as `check_vectors` expects them; the arguments are the same."""
    allowed = np.array([may_be_zero or not text.strip() for text in texts], dtype=np.bool_)
    return np.asarray(np.isfinite(vectors).all(axis=1) & (allowed | vectors.any(axis=1)))


def check_vectors(vectors: NDArray[Any], texts: Sequence[str], *, name: str, may_be_zero: bool = False) -> None:
    """Check that every vector is finite, and non-zero except for blank texts.

    Args:
        vectors: One row per text.
        texts: The texts, prompts included.
        name: The model, for the message.
        may_be_zero: Whether a zero vector is that of a text without a known term.

    Raises:
        EvaluationError: Some aren't; the message counts them.
    """
    # One pass without a copy: squared norms show NaN, infinity and zero; only such rows are checked again.
    squares = np.einsum("ij,ij->i", vectors, vectors)
    suspects = np.flatnonzero(~(np.isfinite(squares) & (squares > 0)))
    if not suspects.size:
        return
    finite = np.isfinite(vectors[suspects]).all(axis=1)
    if not finite.all():
        raise EvaluationError(
            f"{name}: {np.count_nonzero(~finite)} of {len(vectors)} vectors hold NaN or infinity, so no score was "
            "computed. Half precision overflows in some models: try dtype float32 or bfloat16; otherwise the weights "
            "are damaged."
        )
    nothing = [] if may_be_zero else [row for row in suspects.tolist() if not vectors[row].any() and texts[row].strip()]
    if nothing:
        raise EvaluationError(
            f"{name}: {len(nothing)} of {len(vectors)} vectors are all zeros though their texts are not empty, so no "
            "score was computed. Are the weights whole, and does the tokenizer belong to them?"
        )


def check_pair_scores(scores: NDArray[Any], pairs: Sequence[tuple[str, str]], *, name: str) -> None:
    """Check that the scores of distinct pairs are finite and not tied by saturation.

    Args:
        scores: One per pair.
        pairs: Query and document.
        name: The model, for the message.

    Raises:
        EvaluationError: A score is NaN or infinite, or more than 1% of at least 100 are exactly 0 or 1.
    """
    finite = np.isfinite(scores)
    if not finite.all():
        raise EvaluationError(
            f"{name}: {np.count_nonzero(~finite)} of {len(scores)} scores are not numbers (NaN or infinity), so "
            "nothing was ranked. Half precision overflows in some models: try dtype float32 or bfloat16; otherwise the "
            "weights are damaged."
        )
    distinct = np.fromiter(dict(zip(pairs, scores.tolist(), strict=True)).values(), dtype=np.float64)
    saturated = int(np.count_nonzero((distinct == 0) | (distinct == 1)))
    if saturated > max(1, _SATURATED_SHARE * len(distinct)) and ((distinct >= 0) & (distinct <= 1)).all():
        raise EvaluationError(
            f"{name}: {saturated} of {len(distinct)} scores are exactly 0 or 1: rounded probabilities, with ties where "
            "the model's scores differ. Have the server return logits (TEI: body = { raw_scores = true }; vLLM: body "
            "= { use_activation = false })."
        )


def guard(model: MTEBModels, *, name: str) -> MTEBModels:
    """Return a loaded model whose `encode` or `predict` refuses invalid results; changed in place.

    An encoder with `zero_means_unknown` may return zero vectors, for texts without a known term.
    """
    # On the instance: works for models of any package, and isinstance checks of mteb's protocols still hold. As a
    # method, which a deep copy of the model binds to the copy; a function would go on computing with the original.
    for method, checked in (("encode", _checked_encode), ("predict", _checked_predict)):
        if hasattr(model, method):
            setattr(model, method, MethodType(checked(_unbound(model, method), name), model))
    return model


def _unbound(model: Any, method: str) -> Callable[..., Any]:
    """Return a method as a function of the model; what is no method of this one is called without it."""
    own = getattr(model, method)
    if getattr(own, "__self__", None) is model:
        return cast("Callable[..., Any]", own.__func__)
    return lambda _, *inputs, **arguments: own(*inputs, **arguments)


def _checked_encode(encode: Callable[..., Any], name: str) -> Callable[..., Any]:
    def checked(model: Any, inputs: Any, **arguments: Any) -> Any:
        vectors = encode(model, inputs, **arguments)
        as_array = np.asarray(vectors.cpu() if hasattr(vectors, "cpu") else vectors, dtype=np.float32)
        check_vectors(
            as_array, _texts(inputs), name=name, may_be_zero=bool(getattr(model, "zero_means_unknown", False))
        )
        return vectors

    return checked


def _checked_predict(predict: Callable[..., Any], name: str) -> Callable[..., Any]:
    def checked(model: Any, inputs1: Any, inputs2: Any, **arguments: Any) -> Any:
        scores = predict(model, inputs1, inputs2, **arguments)
        as_array = np.asarray(scores.cpu() if hasattr(scores, "cpu") else scores, dtype=np.float64)
        check_pair_scores(as_array, list(zip(_texts(inputs1), _texts(inputs2), strict=True)), name=name)
        return scores

    return checked


def _texts(inputs: Any) -> list[str]:
    return [text for batch in inputs for text in batch["text"]]
