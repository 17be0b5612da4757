"""The board in a few lines for a terminal: gain and forgetting of each model, scores of small suites, the answer."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from tcmbench.boards.answer import as_text, cure_block
from tcmbench.boards.notes import unlike_conditions
from tcmbench.boards.texts import MARKS, quick_look
from tcmbench.specs.suite import ROLES
from tcmbench.text.numbers import signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.boards.cells import Difference
    from tcmbench.boards.table import BoardRow, Table

_MOST_COLUMNS = 6
"""More columns of scores don't fit on a terminal."""

_NOTHING = "–"


def to_text(table: Table) -> str:
    """Return the summary: differences and scores in points, differences with intervals, marked if significant."""
    measured = [c for c in table.columns if any(row.cells[c.name].score is not None for row in table.rows)]
    shown = measured if len(measured) <= _MOST_COLUMNS else []
    roles = [role for role in ROLES if any(row.aggregates.of(role) for row in table.rows)]
    heads = {"in_domain": "gain in domain", "held_out": "gain held out", "general": "forgetting (BWT)"}
    lines = [["model", *(heads[role] for role in roles), "gate", *(column.name for column in shown)]]
    for row in table.rows:
        parts = [_difference(row.aggregates.of(role)) for role in roles]
        scores = [_score(row, column.name) for column in shown]
        lines.append([row.name, *parts, row.gate.outcome.replace("_", " ") if row.gate else _NOTHING, *scores])
    said = [] if table.limit is None else [quick_look(table.limit)]
    unlike = unlike_conditions(table)
    said += [*_aligned(lines), *([] if unlike is None else [unlike.en]), as_text(table).en]
    said += filter(None, [cure_block(table)])
    return "\n".join(said) + "\n"


def _difference(estimate: Difference | None) -> str:
    if estimate is None:
        return _NOTHING
    shown = signed(estimate.value, estimate.digits) + MARKS.get(estimate.verdict or "", "")
    if estimate.low is None or estimate.high is None:
        return shown
    return f"{shown} [{signed(estimate.low, estimate.digits)}, {signed(estimate.high, estimate.digits)}]"


def _score(row: BoardRow, column: str) -> str:
    cell = row.cells[column]
    return cell.status.replace("_", " ") if cell.score is None else f"{cell.score.value:.2f}"


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with the first cell to the left and the others to the right."""
    widths = [max(map(_width, cells)) for cells in zip(*lines, strict=True)]
    return [
        "  ".join(
            _padding(cell, width, left=place == 0) for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _padding(cell: str, width: int, *, left: bool) -> str:
    space = " " * (width - _width(cell))
    return cell + space if left else space + cell


def _width(cell: str) -> int:
    """Return the columns of a terminal that a text takes: two per Chinese character."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in cell)
