"""`scores.csv`: one line per model and task, for spreadsheets and data frames.

Columns, in points (0–100) with four decimals, or more where an interval would seem to touch zero: model, title, kind,
base, seeds, training_noise, column, task, split, role, metric, status, reason, score, score_low, score_high, delta,
delta_low, delta_high, p_value, verdict, best, tied, items.
`column` tells the splits and subsets of a task apart. It and `task` also take the values gain_in_domain, gain_held_out
and backward_transfer: the summaries of a row, whose figure is in the delta columns, and whose reason is set where they
leave tasks out. For cures, gain_kept and forgetting_undone have the role `column` and their percentage as score. So
have the columns that other packages add to the board, in their own unit, with their name as column and task. An empty
number means that there is none, for the reason in status and reason.
The lines of a quick look, or of a board with sampled tasks, end with their `limit`.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from typing import TYPE_CHECKING

from tcmbench.boards.cells import ShownEstimate
from tcmbench.boards.columns import NOT_TRAINED, OF_CURES, OF_FORMS, load_listed
from tcmbench.boards.texts import text
from tcmbench.text.numbers import digits_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.boards.cells import Cell, CellStatus, Difference
    from tcmbench.boards.columns import Column
    from tcmbench.boards.table import BoardRow, Table, TaskColumn
    from tcmbench.specs.suite import Role

FIELDS = (
    "model", "title", "kind", "base", "seeds", "training_noise", "column", "task", "split", "role", "metric", "status",
    "reason",
    "score", "score_low", "score_high", "delta", "delta_low", "delta_high", "p_value", "verdict", "best", "tied",
    "items",
)  # fmt: skip


_SIGNS = frozenset("=+-@−")
_CONTROLS = frozenset("\t\r\n")


def to_csv(table: Table) -> str:
    """Return the text of `scores.csv`, in UTF-8 with line feeds."""
    written = io.StringIO()
    limited = {} if table.limit is None else {"limit": str(table.limit)}
    # every line of a quick look or of a sampled task says so, wherever it is copied to
    is_sampled = table.limit is not None or any(column.limit is not None for column in table.columns)
    writer = csv.DictWriter(written, (*FIELDS, *(["limit"] if is_sampled else [])), lineterminator="\n", restval="")
    writer.writeheader()
    listed = load_listed(table.rows)
    for row in table.rows:
        lines = [
            _line(row, column, row.cells[column.name]) | ({"limit": str(column.limit)} if column.limit else {})
            for column in table.columns
        ]
        writer.writerows(limited | line for line in [*lines, *_sums(row), *_figures(row, listed)])
    return written.getvalue()


def _line(row: BoardRow, column: TaskColumn, cell: Cell) -> dict[str, str]:
    return {
        **_who(row),
        "column": _safe(column.name),
        "task": _safe(column.task),
        "split": _safe(column.split),
        "role": column.role,
        "metric": _safe(column.metric),
        "status": cell.status,
        "reason": _safe(cell.reason.en),
        **_numbers("score", cell.score),
        **_numbers("delta", cell.delta),
        "p_value": "" if cell.p_value is None else f"{cell.p_value:.6g}",
        "verdict": cell.verdict or "",
        "best": str(cell.best).lower(),
        "tied": str(cell.tied).lower(),
        "items": str(cell.items),
    }


def _sums(row: BoardRow) -> list[dict[str, str]]:
    if row.is_reference:
        return []
    sums = row.aggregates
    named: tuple[tuple[str, Role, Difference | None], ...] = (
        ("gain_in_domain", "in_domain", sums.in_domain),
        ("gain_held_out", "held_out", sums.held_out),
        ("backward_transfer", "general", sums.general),
    )
    return [
        {
            **_who(row),
            "column": name,
            "task": name,
            "role": role,
            "status": "measured" if estimate else _without(role, row)[0],
            "reason": _why(role, row) if estimate else _without(role, row)[1],
            **_numbers("delta", estimate),
            "verdict": (estimate.verdict or "") if estimate else "",
        }
        for name, role, estimate in named
    ]


def _without(role: Role, row: BoardRow) -> tuple[CellStatus, str]:
    if role == "general" and row.kind != "variant":
        return "not_applicable", NOT_TRAINED.en
    return "not_measured", "the role has no task, or one of its tasks has no score or interval"


def _has(row: BoardRow, column: str) -> bool:
    """Return whether a listed column is about a row: those of cures, of forms and of costs are about some only."""
    if column in ("form_change", "form_gate"):
        return row.form is not None
    if column in OF_FORMS:
        return bool(row.cost and row.cost.serving)
    return column not in OF_CURES or row.cure is not None


def _figures(row: BoardRow, listed: Sequence[tuple[str, Column]]) -> list[dict[str, str]]:
    """Return the lines of columns of cures, forms and costs, where a row has them, and of those of other packages."""
    figures = [(name, column.figure(row)) for name, column in listed if _has(row, name)]
    return [
        {
            **_who(row),
            "column": _safe(name),
            "task": _safe(name),
            "role": "column",
            "status": "not_measured" if figure.value is None else "measured",
            "reason": _safe(figure.note.en),
            **_numbers("score", None if figure.value is None else figure.estimate or ShownEstimate(figure.value)),
        }
        for name, figure in figures
    ]


def _why(role: Role, row: BoardRow) -> str:
    return text("table.partial").en if role in row.aggregates.partial else ""


def _who(row: BoardRow) -> dict[str, str]:
    return {
        "model": _safe(row.name),
        "title": _safe(row.title),
        "kind": row.kind,
        "base": _safe(row.base or ""),
        "seeds": str(row.seeds),
        "training_noise": _training_noise(row),
    }


def _training_noise(row: BoardRow) -> str:
    """Return where the noise of training in the intervals is from; empty for models that were not trained here."""
    if row.seeds == 0:
        return ""
    return "own seeds" if row.seeds > 1 else "siblings" if row.is_pooled else "not included"


def _numbers(name: str, estimate: ShownEstimate | None) -> dict[str, str]:
    if estimate is None:
        return {}
    parts = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    digits = digits_of(estimate.value, estimate.low, estimate.high, least=4)
    return {key: "" if value is None else f"{value:.{digits}f}" for key, value in parts.items()}


def _safe(text: str) -> str:
    """Return text that a spreadsheet does not interpret as a formula.

    Full-width signs are escaped, too, as a spreadsheet set to Chinese treats them like the ordinary ones, and so is a
    sign after spaces.
    """
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])
    return f"'{text}" if first in _SIGNS or text[:1] in _CONTROLS else text
