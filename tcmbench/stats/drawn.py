"""A block of resamples: counts per item, and what is computed once for all models.

A statistic iterates over the items in the order of a model's values, one row per item, so that each step is one vector
over all resamples of the block.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Hashable

    from tcmbench.stats.inputs import FloatArray

CountArray = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]

_LARGEST_SQUARED = 1 << 16


class Drawn:
    """How often each item was drawn in each resample of a block."""

    def __init__(self, by_item: npt.NDArray[np.uint32]) -> None:
        """Store the counts, items × resamples."""
        self.total: FloatArray = by_item.sum(axis=0, dtype=np.float64)
        """Items drawn in each resample, repetitions counted."""
        # No sum of products of two ranks exceeds the square of the total, so this arithmetic is exact.
        fits = self.total.max(initial=0.0) < _LARGEST_SQUARED
        self.by_item: CountArray = by_item if fits else by_item.astype(np.uint64)
        """Items × resamples."""
        self._cached: dict[Hashable, FloatArray] = {}

    @cached_property
    def rows(self) -> list[CountArray]:
        """The row of each item."""
        return list(self.by_item)

    @cached_property
    def cubes(self) -> FloatArray:
        """Sum over items of the third power of how often each was drawn."""
        return np.einsum("ij,ij,ij->j", self.by_item, self.by_item, self.by_item, dtype=np.float64, casting="safe")

    def once(self, key: Hashable, compute: Callable[[], FloatArray]) -> FloatArray:
        """Return the value cached under a key, computed at the first call: the gold is the same for all models."""
        if key not in self._cached:
            self._cached[key] = compute()
        return self._cached[key]


ItemStatistic = Callable[[Drawn], npt.NDArray[np.float64]]
"""Function of the counts of a block: one value per resample; NaN where the statistic does not exist."""
