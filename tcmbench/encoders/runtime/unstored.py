"""A space of vectors that keeps none: texts of a server's users leave no trace on disk."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


class Unstored:
    """Has no vector of any text; in the place of `embedding_cache.Space`."""

    def digests(self) -> list[bytes]:
        """Return that no text has a vector."""
        return []

    def refresh(self) -> None:
        """Do nothing."""

    def get(self, digests: Sequence[bytes]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Return that no text has a vector."""
        return np.zeros(len(digests), dtype=np.bool_), np.zeros((0, 0), dtype=np.float32)

    def add(self, digests: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Do nothing."""

    @contextlib.contextmanager
    def claim(self, name: bytes, *, seconds: float) -> Iterator[bool]:
        """Yield True, as nothing is shared with other processes."""
        del name, seconds
        yield True
