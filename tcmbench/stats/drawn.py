"""A block of resamples as statistics of items read it: counts per item, and what is shared by all models, once.

A statistic walks through the items in the order of a model's values, one row per item, so that a step is one short
vector over all resamples of the block. Counts are float64: sums and products of whole numbers are exact below 2⁵³,
and nothing is converted on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Hashable

    from tcmbench.stats.inputs import FloatArray

T = TypeVar("T")


class Drawn:
    """How often each item was drawn in each resample of a block."""

    def __init__(self, by_item: npt.ArrayLike) -> None:
        """Take items × resamples."""
        self.by_item: FloatArray = np.asarray(by_item, dtype=np.float64)
        """Items × resamples."""
        self.rows: list[FloatArray] = list(self.by_item)
        """The row of each item."""
        self.total: FloatArray = self.by_item.sum(axis=0)
        """Items drawn in each resample, repetitions counted."""
        self._made: dict[Hashable, Any] = {}

    @cached_property
    def cubes(self) -> FloatArray:
        """Sum over items of the third power of how often each was drawn."""
        return np.asarray(np.einsum("ij,ij,ij->j", self.by_item, self.by_item, self.by_item))

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made under a key before, or make it: the gold is the same for all models."""
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made


ItemStatistic = Callable[[Drawn], npt.NDArray[np.float64]]
"""From how often each item was drawn to one value per resample; NaN where the statistic does not exist."""
