"""The slices of a task on a board: differences of parts of its items, such as the records of one department."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench.boards import details
from tcmbench.boards.cells import ShownEstimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.boards.table import BoardRow, TaskColumn
    from tcmbench.comparison.reference import AgainstReference, SliceChange
    from tcmbench.records.entry import TaskCard


def with_slices(
    rows: Sequence[BoardRow], columns: Sequence[TaskColumn], comparison: AgainstReference, cards: Mapping[str, TaskCard]
) -> list[BoardRow]:
    """Return the rows with the slices of the first in-domain task that is a mean and has slices: the one drawn."""
    column = next((c for c in columns if c.role == "in_domain" and c.slice_sizes), None)
    if column is None:
        return list(rows)
    name = column.name
    first = next(model for model in comparison.models if name in model.items)
    changes = comparison.slices(name, details.slicings(first.items[name], cards.get(name)))
    sliced = []
    for row in rows:
        slices = {
            slicing: {part: _slice_estimate(change) for part, change in parts.items()}
            for slicing, parts in changes.get(row.name, {}).items()
        }
        sliced.append(replace(row, cells={**row.cells, name: replace(row.cells[name], slices=slices)}))
    return sliced


def _slice_estimate(change: SliceChange) -> ShownEstimate:
    return ShownEstimate(change.value, *(change.interval[:2] if change.interval else ()))
