"""How the figure of a task follows from its items; one file is one statistic.

    VALUES: str             column of a score's items that it is of; empty for the metric's own
    GOLD: str               column that the values are held against; empty where there is none
    STEP: float             what a baseline rounds values to: in points where HAS_ITEM_SCORES, else in their own unit
    HAS_ITEM_SCORES: bool   whether each item has a score of its own, so that items can be compared one by one
    def value(values, gold) -> float                        the figure over all items, on mteb's scale
    def draws(models, gold, *, clusters, plan) -> Draws     the figure of every model in every resample, in points

Values with scores of their own are read in points, all others as they are stored.
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
            plan: How often, which seed, which stream.
        """
        ...


def load(name: str, *, where: str = "") -> Statistic:
    """Return a statistic by name.

    Raises:
        UnknownName: There is none.
    """
    return cast("Statistic", plugins.load("statistics", name, where=where))
