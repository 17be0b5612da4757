"""What stands below a table, for formats without a place for it in the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tcmbench.boards.table import Table


class WithoutInterval(NamedTuple):
    """A figure without an interval."""

    row: str
    """Title of the row."""

    column: str
    """Title of the column."""

    reason: str
    """The reason, in English."""


def without_interval(table: Table) -> list[WithoutInterval]:
    """Return the figures that can't have an interval, row by row."""
    return [
        WithoutInterval(row.title, column.title, cell.reason.en)
        for row in table.rows
        for column in table.columns
        if (cell := row.cells[column.name]).status == "measured" and cell.reason.en
    ]
