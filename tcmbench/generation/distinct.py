"""Near-duplicates among generated queries, by the vectors of a base."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_SIMILARITY = 0.9
"""Cosine from which two queries are near-duplicates."""

_BLOCK = 1024


def first_copies(vectors: NDArray[np.float32], *, threshold: float = LEAST_SIMILARITY) -> list[int | None]:
    """Return for each vector the earlier kept one that it nearly equals, None where it is kept.

    Vectors are kept in their order: one is left out where its cosine with any that was kept reaches the threshold, so
    no two kept ones are near-duplicates. Of several, the nearest is returned.

    Args:
        vectors: Unit vectors [texts, dimensions].
        threshold: Cosine.
    """
    import numpy as np

    copies: list[int | None] = []
    kept: list[int] = []
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        with_earlier, within = block @ vectors[kept].T, block @ block.T
        own: list[int] = []
        for row in range(len(block)):
            similarities = np.concatenate([with_earlier[row], within[row, own]])
            nearest = int(similarities.argmax()) if len(similarities) else -1
            # float32 products of equal vectors differ from 1 in the last digits
            if nearest >= 0 and similarities[nearest] >= threshold - 1e-6:
                copies.append(kept[nearest])
            else:
                copies.append(None)
                kept.append(start + row)
                own.append(row)
    return copies
