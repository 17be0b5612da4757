"""Vectors of an answer: shorter or of unit length where a request asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tcmbench.ranking.unit_vectors import unit
from tcmbench.serving.refusals import bad_request

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]


def shortened(vectors: Vectors, dimensions: int | None) -> Vectors:
    """Return the first numbers of every vector, scaled to the vector's former length (Matryoshka).

    Raises:
        Refused: There aren't so many numbers.
    """
    own = vectors.shape[1]
    if dimensions is None or dimensions == own:
        return vectors
    if not 1 <= dimensions < own:
        raise bad_request(f"dimensions: expected 1 to {own}, got {dimensions}")
    first = vectors[:, :dimensions]
    return unit(first) * np.linalg.norm(vectors, axis=1, keepdims=True)
