"""Parity: vectors and scores of the canary texts by all ways of running a tuned model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.errors import ParityError, TrainingError
from tcmbench.models import pair_scores
from tcmbench.models.canaries import DOCUMENTS, QUERIES, pair_inputs, text_ids

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.specs.base import Base, Pooling

TOLERANCE = 1e-4
"""Largest difference between two float32 computations of the same number (measured: 3e-7)."""

HALF_TOLERANCE = 2e-2
"""The same where the tuned weights are stored in bfloat16."""

_UNCHANGED = 1e-6

_ALIKE = 1e-5
"""Largest difference between numbers of different texts that is attributed to rounding."""

_ZERO = 1e-12
"""Largest norm that sentence-transformers' Normalize treats as zero."""


def canary_texts(base: Base) -> list[str]:
    """Return the texts that vectors are compared on, prompts included."""
    return [base.query_prompt + query for query in QUERIES] + [base.document_prompt + text for text in DOCUMENTS]


def own_vectors(backbone: Any, tokenizer: Any, texts: list[str], *, pooling: Pooling = "last") -> NDArray[np.float32]:
    """Return unit vectors by transformers: one text at a time, no padding, its tokens' states pooled."""
    inputs = [{"input_ids": text_ids(tokenizer, text)} for text in texts]
    return _pooled_states(backbone, inputs, pooling=pooling)


def pair_vectors(backbone: Any, tokenizer: Any, *, base: Base, pooling: Pooling = "last") -> NDArray[np.float32]:
    """Return the unit vectors below a reranker's one-label head, one per canary pair."""
    pairs = zip(QUERIES, DOCUMENTS, strict=True)
    inputs = [pair_inputs(tokenizer, q, d, instruction=base.instruction) for q, d in pairs]
    return _pooled_states(backbone, inputs, pooling=pooling)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vectors with unit length; a zero stays zero."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.float32(_ZERO))


def _pooled_states(backbone: Any, inputs: list[dict[str, list[int]]], *, pooling: Pooling) -> NDArray[np.float32]:
    import numpy as np
    import torch

    rows = []
    with torch.inference_mode():
        for row in inputs:
            tensors = {name: torch.tensor([ids], device=backbone.device) for name, ids in row.items()}
            states = backbone(**tensors).last_hidden_state[0].float()
            state = states.mean(dim=0) if pooling == "mean" else states[0 if pooling == "cls" else -1]
            rows.append(torch.nn.functional.normalize(state, dim=-1).cpu().numpy())
    return np.stack(rows)


def evaluation_numbers(folder: Path, base: Base) -> NDArray[np.float32]:
    """Return vectors (embedding) or logits (reranker) as evaluation computes them, in float32."""
    if base.kind == "embedding":
        import numpy as np

        from tcmbench.encoders.runtime.opening import open_model

        encoder = open_model(folder, base.in_full_precision())
        return np.asarray(encoder.encode(canary_texts(base), prompt="", batch_size=2), dtype=np.float32)
    return pair_scores.by_evaluation(folder, instruction=base.instruction)


def differences(ways: Mapping[str, NDArray[np.float32]], *, reference: str) -> dict[str, float]:
    """Return the largest absolute difference of each way to the reference, by `<way>=<reference>`."""
    import numpy as np

    expected = ways[reference]
    return {
        f"{way}={reference}": float(np.max(np.abs(actual - expected)))
        for way, actual in ways.items()
        if way != reference
    }


def refuse_disparity(measured: Mapping[str, float], *, tolerance: float, where: str) -> None:
    """Refuse a model whose numbers in evaluation differ from those in training.

    Raises:
        ParityError: A difference above the tolerance; all of them are listed.
    """
    if any(not value <= tolerance for value in measured.values()):
        listed = ", ".join(f"{name}: {value:.3g}" for name, value in measured.items())
        raise ParityError(
            f"{where}: the tuned model gives different numbers by different ways ({listed}; at most {tolerance:g} is "
            "rounding). Check the base's modules.json, tokenizer and chat template before trusting any score."
        )


def refuse_unusable(tuned: NDArray[np.float32], before: NDArray[np.float32] | None = None, *, where: str) -> None:
    """Refuse a model whose vectors or scores aren't numbers, or are the same for different texts.

    Args:
        tuned: Its vectors of the canary texts, or its scores of the canary pairs.
        before: Those of its base, None where it has none: vectors that were zero or equal before may be so still.
        where: Names the model in messages.

    Raises:
        TrainingError: One of them is NaN or infinite; a vector is zero or equals that of another text; all scores are
            equal.
    """
    import numpy as np

    if not np.isfinite(tuned).all():
        raise TrainingError(f"{where}: the tuned model gives NaN. Lower training.learning_rate.")
    if tuned.ndim == 1:
        problem = "the same score for all canary pairs" if np.ptp(tuned) <= _ALIKE else ""
    else:
        is_new = _alike(tuned) & ~(_alike(before) if before is not None else False)
        problem = "the same vector for different texts" if is_new.any() else ""
        if is_new.diagonal().any():
            problem = "vectors without a direction (zero, or too long for float32)"
    if problem:
        raise TrainingError(
            f"{where}: the tuned model gives {problem}: it has collapsed and can't rank. Lower training.learning_rate, "
            "or raise training.temperature."
        )


def _alike(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which pairs of texts have the same direction; on the diagonal, which texts have none.

    In float32, as in evaluation: a vector whose norm overflows becomes zero.
    """
    import numpy as np

    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(vectors.astype(np.float32), axis=1)
    unit = vectors / np.maximum(lengths, _ZERO)[:, None]
    alike: NDArray[np.bool_] = np.abs(unit[:, None] - unit[None]).max(axis=2) <= _ALIKE
    np.fill_diagonal(alike, (lengths <= _ZERO) | np.isinf(lengths))
    return alike


def refuse_unchanged(tuned: NDArray[np.float32], before: NDArray[np.float32], *, where: str) -> float:
    """Return the largest change of the canaries' vectors or scores through training.

    Raises:
        TrainingError: Nothing changed, so that every gain would wrongly be 0; or the tuned ones are unusable.
    """
    import numpy as np

    refuse_unusable(tuned, before, where=where)
    change = float(np.max(np.abs(tuned - before)))
    if change <= _UNCHANGED:
        raise TrainingError(
            f"{where}: the tuned model equals its base (largest change {change:.2g} on canary texts): training had no "
            "effect. Raise training.learning_rate or the number of steps, and check that the adapter was merged."
        )
    return change
