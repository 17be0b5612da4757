"""A board for publication: aggregates only, nothing about single items of the data.

Left out: ids, labels and confused pairs, the slices that the data names (diseases), and whatever may quote the data or
this machine (commands, paths, notes on data). Counts below `FEWEST_CLUSTERS` are not published: a task with fewer
independent items is refused, and a slicing with a smaller slice is left out as a whole, since the missing slice
would follow from the total.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from tcmbench.boards.payload import KNOWN_METRICS
from tcmbench.boards.texts import is_own_slice
from tcmbench.comparison.reference import FEWEST_CLUSTERS
from tcmbench.errors import ScoreMissing, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from tcmbench.boards.cells import Cell
    from tcmbench.boards.table import BoardRow, Table, TaskColumn

_PROVENANCE = (
    "model revision", "commit", "hardware", "packages", "trained seeds", "training set", "training data",
    "sources of training data",
    "training commit", "training hardware", "training packages", "parity", "leaks",
)  # fmt: skip
"""Provenance that is published: revisions, versions and counts."""


def public(table: Table) -> Table:
    """Return the table without anything about single items.

    Raises:
        ScoreMissing: A score is missing; its reason may quote the data.
        SpecError: A task has too few independent items to be published.
    """
    _require_complete(table)
    _require_enough_items(table)
    columns = tuple(_column(column, table) for column in table.columns)
    shown = {column.name: column for column in columns}
    source = str(_without_folders(table.policy_source))
    return replace(
        table,
        columns=columns,
        rows=tuple(_row(row, shown) for row in table.rows),
        policy_source=source,
        command=table.command.replace(table.policy_source, source),
        public=True,
    )


def _require_complete(table: Table) -> None:
    missing = [
        f"{row.name} · {name}: {cell.reason.en or cell.status}"
        for row in table.rows
        for name, cell in row.cells.items()
        if cell.status not in {"measured", "not_applicable"}
    ]
    if missing:
        raise ScoreMissing(
            f"set {table.name}: a public board has all its scores, {len(missing)} are missing, such as "
            f"{missing[0].rstrip('.')}. Mend that, then: tcmbench run {table.name}"
        )


def _require_enough_items(table: Table) -> None:
    # The items of a clustering are samples of many texts.
    small = [
        column for column in table.columns if column.task_type != "Clustering" and 0 < column.clusters < FEWEST_CLUSTERS
    ]
    if small:
        named = ", ".join(f"{column.name} ({column.clusters})" for column in small)
        raise SpecError(
            f"set {table.name}: a public board has tasks with at least {FEWEST_CLUSTERS} independent items (patients), "
            f"got {named}. Take these tasks out of suite {table.suite}."
        )


def _column(column: TaskColumn, table: Table) -> TaskColumn:
    card = column.card
    return replace(
        column,
        card=replace(card, slices={}, texts={}) if card else None,
        slice_sizes={
            slicing: sizes for slicing, sizes in column.slice_sizes.items() if _is_public(slicing, column, table)
        },
    )


def _is_public(slicing: str, column: TaskColumn, table: Table) -> bool:
    """Return whether the slices have the board's own names and enough items each."""
    sizes = column.slice_sizes[slicing]
    changes = [row.cells[column.name].slices.get(slicing, {}) for row in table.rows]
    return (
        all(is_own_slice(part) for part in sizes)
        and min(sizes.values()) >= FEWEST_CLUSTERS
        and all(change.low is not None for parts in changes for change in parts.values())
    )


def _row(row: BoardRow, columns: Mapping[str, TaskColumn]) -> BoardRow:
    return replace(
        row,
        cells={name: _cell(cell, columns[name]) for name, cell in row.cells.items()},
        recipe={name: _without_folders(value) for name, value in row.recipe.items()},
        provenance={name: value for name, value in row.provenance.items() if name in _PROVENANCE},
    )


def _cell(cell: Cell, column: TaskColumn) -> Cell:
    return replace(
        cell,
        lowest=(),
        highest=(),
        confusions=(),
        slices={name: parts for name, parts in cell.slices.items() if name in column.slice_sizes},
        # Names of other metrics may be labels of the data.
        metrics={name: value for name, value in cell.metrics.items() if name in {column.metric, *KNOWN_METRICS}},
    )


def _without_folders(value: JsonValue) -> JsonValue:
    """Return an absolute path without its folders, any other value unchanged."""
    if isinstance(value, list):
        return [_without_folders(part) for part in value]
    if isinstance(value, str) and (value.startswith("~") or PurePath(value).is_absolute()):
        return PurePath(value).name
    return value
