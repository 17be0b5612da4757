"""Figures of a task from its items; one statistic per file.

    VALUES: str             column of the items with the values; empty for that of the metric
    GOLD: str               column of the items with the gold; empty where there is none
    STEP: float             rounding of values in a baseline: in points where HAS_ITEM_SCORES, else in their own unit
    HAS_ITEM_SCORES: bool   whether each item has a score, so that items can be compared one by one
    def value(values, gold) -> float                        the figure over all items, on mteb's scale
    def draws(models, gold, *, clusters, plan) -> Draws     the figure of every model in every resample, in points

Values that are scores of items are read in points, all others as they are stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from tcmbench import plugins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from tcmbench.stats.draws import Draws
    from tcmbench.stats.inputs import FloatArray
    from tcmbench.stats.resampling import Resampling


class Statistic(Protocol):
    """A module of this folder."""

    VALUES: str
    GOLD: str
    STEP: float
    HAS_ITEM_SCORES: bool

    def value(self, values: FloatArray, gold: FloatArray | None) -> float:
        """Return the figure over all items, on mteb's scale."""
        ...

    def draws(
        self,
        models: Mapping[str, npt.ArrayLike],
        gold: npt.ArrayLike | None,
        *,
        clusters: Sequence[str] | None,
        plan: Resampling,
    ) -> Draws:
        """Return the figure of every model in every resample, in points.

        Args:
            models: Model → values, items or seeds × items.
            gold: Gold of each item; None where there is none.
            clusters: Cluster of each item.
            plan: Number of resamples, seed and stream.
        """
        ...


def load(name: str, *, where: str = "") -> Statistic:
    """Return a statistic by name.

    Raises:
        UnknownName: There is none.
    """
    return cast("Statistic", plugins.load("statistics", name, where=where))
