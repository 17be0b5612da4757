"""The margin on the dev examples: one definition for all trainers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def mean_margin(queries: NDArray[np.floating], documents: NDArray[np.floating]) -> float | None:
    """Return the mean cosine similarity of a query to its positive minus that to its closest negative.

    Negatives are the example's own and the positives of the other examples. No label occurs twice in the dev file, so
    none of these is relevant; the negatives of other examples may be, and are not used.

    Args:
        queries: One vector per example [examples, dimensions].
        documents: Positive, then negatives [examples, 1 + negatives, dimensions].

    Returns:
        Between -2 and 2; None where an example has no negative, or a vector is zero or not finite.
    """
    import numpy as np

    examples, per_example = documents.shape[:2]
    if not examples or (examples == 1 and per_example == 1):
        return None
    queries, documents = _unit(queries), _unit(documents)
    to_positives = queries @ documents[:, 0].T
    own = np.diagonal(to_positives)
    others = np.where(np.eye(examples, dtype=np.bool_), -np.inf, to_positives)
    to_negatives = np.einsum("ed,end->en", queries, documents[:, 1:])
    margin = float(np.mean(own - np.hstack([others, to_negatives]).max(axis=1)))
    return margin if np.isfinite(margin) else None


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    import numpy as np

    wide = np.asarray(vectors, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit: NDArray[np.float64] = wide / np.linalg.norm(wide, axis=-1, keepdims=True)
    return unit
