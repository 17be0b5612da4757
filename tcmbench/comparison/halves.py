"""A measured set on one half of its items."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from tcmbench.errors import NotComparable
from tcmbench.stats import halves

if TYPE_CHECKING:
    from tcmbench.comparison.measured import Measured, MeasuredSet
    from tcmbench.records.items import Items
    from tcmbench.stats.halves import Half

T = TypeVar("T")


def on_half(measured: MeasuredSet, half: Half) -> MeasuredSet:
    """Return the set with the items of one half of every column (`stats.halves`), the same for every model.

    Raises:
        NotComparable: A column has a single cluster, which has no halves.
    """
    return replace(measured, models=tuple(_of_half(model, half) for model in measured.models))


def _of_half(model: Measured, half: Half) -> Measured:
    return replace(model, items={column: _items(items, half, column) for column, items in model.items.items()})


def _items(items: Items, half: Half, column: str) -> Items:
    import numpy as np

    chosen = halves.places(items.clusters, half)
    if len(chosen) in {0, len(items.ids)}:
        raise NotComparable(
            f"column {column}: expected items of two clusters or more, of which half select a recipe and half confirm "
            f"it, got {len(set(items.clusters))}. Leave the column out of the suite of a search."
        )

    def some(values: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(values[place] for place in chosen)

    return replace(
        items,
        ids=some(items.ids),
        clusters=some(items.clusters),
        groups=some(items.groups),
        values=np.ascontiguousarray(items.values[:, chosen]),
        gold=None if items.gold is None else items.gold[chosen],
        top1=tuple(some(top) for top in items.top1),
        right=tuple(some(right) for right in items.right),
    )
