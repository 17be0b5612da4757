"""A block of resamples as statistics of items read it: counts per item, and what is shared by all models, once.

A statistic walks through the items in the order of a model's values, one row per item, so that a step is one short
vector over all resamples of the block.
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
        """Take items × resamples."""
        self.total: FloatArray = by_item.sum(axis=0, dtype=np.float64)
        """Items drawn in each resample, repetitions counted."""
        # No sum of products of two ranks exceeds the square of the total, so this arithmetic is exact.
        fits = self.total.max(initial=0.0) < _LARGEST_SQUARED
        self.by_item: CountArray = by_item if fits else by_item.astype(np.uint64)
        """Items × resamples."""
        self._made: dict[Hashable, FloatArray] = {}

    @cached_property
    def rows(self) -> list[CountArray]:
        """The row of each item."""
        return list(self.by_item)

    @cached_property
    def cubes(self) -> FloatArray:
        """Sum over items of the third power of how often each was drawn."""
        return np.einsum("ij,ij,ij->j", self.by_item, self.by_item, self.by_item, dtype=np.float64, casting="safe")

    def once(self, key: Hashable, make: Callable[[], FloatArray]) -> FloatArray:
        """Return what was made under a key before, or make it: the gold is the same for all models."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


ItemStatistic = Callable[[Drawn], npt.NDArray[np.float64]]
"""From how often each item was drawn to one value per resample; NaN where the statistic does not exist."""
