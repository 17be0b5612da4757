"""Gain on related tasks without training data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import ColumnFigure, Heading, change

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=20,
    en="Gain held out",
    zh="留出增益",
    help_en="Mean difference from the reference over the held-out tasks, in points, with its interval.",
    help_zh="留出任务上相对参照模型的平均差值（分），附置信区间。",
    better="higher",
    frozen=True,
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the gain over the held_out tasks."""
    return change(
        row.aggregates.held_out, is_reference=row.is_reference, is_partial="held_out" in row.aggregates.partial
    )
