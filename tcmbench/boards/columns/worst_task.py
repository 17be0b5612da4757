"""The general task with the largest loss, which a mean can hide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_TRAINED, ColumnFigure, Heading, change, nothing, starred
from tcmbench.boards.texts import same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=40,
    en="Worst task",
    zh="最差任务",
    help_en="Difference on the general task with the largest loss, in points.",
    help_zh="损失最大的通用任务上的差值（分）。",
    better="higher",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the difference on the general task with the largest loss, named in the note."""
    if row.kind != "variant" and not row.is_reference:
        return nothing(NOT_TRAINED)
    figure = change(row.aggregates.worst_delta, is_reference=row.is_reference)
    if not figure.estimate:
        return figure
    named = figure._replace(note=same(row.aggregates.worst_task))
    return starred(named, is_partial="general" in row.aggregates.partial)
