"""What stands below a table: cells without a score, figures without an interval, and unlike conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards.texts import Text, clip, text
from tcmbench.comparison.conditions import unlike, unlike_versions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tcmbench.boards.cells import Cell, CellStatus
    from tcmbench.boards.table import BoardRow, Table, TaskColumn

UNSUPPORTED: frozenset[CellStatus] = frozenset({"not_applicable"})
"""Cells that can't have a score: the model doesn't support the task."""

MISSING: frozenset[CellStatus] = frozenset({"pending", "running", "failed", "not_measured"})
"""Cells that should have a score."""


class WithoutScore(NamedTuple):
    """Cells of one row without a score, for the same reason."""

    row: BoardRow
    cell: Cell
    columns: tuple[TaskColumn, ...]


class WithoutInterval(NamedTuple):
    """A figure without an interval."""

    row: str
    """Title of the row."""

    column: str
    """Title of the column."""

    reason: str
    """The reason, in English."""


def without_score(table: Table, states: Collection[CellStatus] = UNSUPPORTED | MISSING) -> list[WithoutScore]:
    """Return the cells in some states, by row, grouped by reason."""
    cells: list[WithoutScore] = []
    for row in table.rows:
        reasons: dict[tuple[CellStatus, Text], list[TaskColumn]] = {}
        for column in table.columns:
            cell = row.cells[column.name]
            if cell.status in states:
                reasons.setdefault((cell.status, cell.reason), []).append(column)
        cells += [WithoutScore(row, row.cells[columns[0].name], tuple(columns)) for columns in reasons.values()]
    return cells


def without_interval(table: Table) -> list[WithoutInterval]:
    """Return the figures that can't have an interval, row by row."""
    return [
        WithoutInterval(row.title, column.title, cell.reason.en)
        for row in table.rows
        for column in table.columns
        if (cell := row.cells[column.name]).status == "measured" and cell.reason.en
    ]


def unlike_conditions(table: Table) -> Text | None:
    """Return sentences on precisions, devices and versions unlike the reference's, and on unmeasured cures; or None."""
    about = [*_unlike_computation(table), _unmeasured(table)]
    said = [each for each in about if each is not None]
    return Text(" ".join(each.en for each in said), "".join(each.zh for each in said)) if said else None


def _unmeasured(table: Table) -> Text | None:
    rows = [row for row in table.rows if row.cure and row.cure.same_general_as]
    return text("table.unmeasured", cures=", ".join(clip(row.title, 60) for row in rows)) if rows else None


def _unlike_computation(table: Table) -> Iterator[Text | None]:
    precisions = {row.name: row.precision for row in table.rows}
    devices = {row.name: row.device for row in table.rows}
    for key, values in (("table.precisions", precisions), ("table.devices", devices)):
        yield _unlike(table, key, unlike(values, reference=table.reference), values[table.reference])
    versions = unlike_versions({row.name: row.versions for row in table.rows}, reference=table.reference)
    yield _unlike(table, "table.versions", *versions)


def _unlike(table: Table, key: str, others: Mapping[str, str], own: str) -> Text | None:
    if not others:
        return None
    models = ", ".join(f"{clip(table.row(name).title, 60)} ({value})" for name, value in others.items())
    return text(key, models=models, reference=clip(table.row(table.reference).title, 60), own=own)
