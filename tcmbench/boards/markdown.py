"""The board as a Markdown table, for a README or a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import in_line, load_listed
from tcmbench.boards.notes import unlike_conditions, without_interval, without_score
from tcmbench.boards.texts import MARKS, clip, metric_title, quick_look, text
from tcmbench.specs.suite import ROLES
from tcmbench.text.numbers import signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.boards.cells import Cell, Difference
    from tcmbench.boards.columns import Column
    from tcmbench.boards.table import BoardRow, Table

_ESCAPES = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_[]|#~!"}
    | {"<": "&lt;", ">": "&gt;", "\n": " ", "\r": " "}
    | {"@": "@&#8203;"}  # a name after the sign would get a notification from GitHub
)


def to_markdown(table: Table) -> str:
    """Return a heading, the table, the missing scores, and the digest."""
    heads = ["Model", "Gain in domain", "Gain held out", "BWT"]
    heads += [f"{escape(column.title)} ({escape(metric_title(column.metric))})" for column in table.columns]
    listed = load_listed(table.rows)
    heads += [escape(column.HEADING.en) for _, column in listed]
    lines = [f"**{escape(table.title.en)}**" + (" — SYNTHETIC DATA" if table.synthetic else ""), ""]
    if table.limit is not None:
        lines += [quick_look(table.limit), ""]
    lines.append("| " + " | ".join(heads) + " |")
    lines.append("|:--" + "|--:" * (len(heads) - 1) + "|")
    lines += ["| " + " | ".join(_parts(row, table, listed)) + " |" for row in table.rows]
    lines += ["", "Points (0–100). **Best**, _tied with the best_; ▲, ▼: significantly better, worse than "]
    lines[-1] += f"{escape(table.row(table.reference).title)}, from which the differences are, "
    lines[-1] += f"with {table.policy.level} intervals."
    if any(row.kind != "variant" for row in table.rows):
        lines[-1] += " –: without tuning nothing is forgotten."
    if any(row.cure for row in table.rows):
        lines[-1] += f" ↳: {text('cure.below').en}"
    if any(row.form for row in table.rows):
        lines[-1] += f" ↳: {text('form.below').en}"
    if any(row.aggregates.partial for row in table.rows):
        lines[-1] += f" \\* {text('table.partial').en}."
    unlike = unlike_conditions(table)
    if unlike is not None:
        lines += ["", escape(unlike.en)]
    bare = [f"- {escape(row)} on {escape(column)}: {escape(why)}" for row, column, why in without_interval(table)]
    if bare:
        lines += ["", "Without an interval:", "", *bare]
    missing = [
        f"- {escape(row.title)} on {', '.join(escape(column.title) for column in columns)}: "
        f"{text(f'state.{cell.status}').en}, {escape(cell.reason.en)}"
        for row, cell, columns in without_score(table)
    ]
    if missing:
        lines += ["", "Without a score:", "", *missing]
    return "\n".join([*lines, "", f"`sha256:{table.digest}`"]) + "\n"


def escape(value: str) -> str:
    """Return text escaped for Markdown."""
    return clip(value).replace("&", "&amp;").translate(_ESCAPES)


def _parts(row: BoardRow, table: Table, listed: Sequence[tuple[str, Column]]) -> list[str]:
    sums = row.aggregates
    name = f"↳ {escape(row.title)}" if row.cure or row.form else escape(row.title)
    parts = [name, *(_sum(sums.of(role), partial=role in sums.partial) for role in ROLES)]
    parts += [_cell(row.cells[column.name]) for column in table.columns]
    return parts + [escape(in_line(column.figure(row))) for _, column in listed]


def _sum(estimate: Difference | None, *, partial: bool) -> str:
    if estimate is None:
        return "–"
    digits = estimate.digits
    shown = signed(estimate.value, digits) + ("\\*" if partial else "") + MARKS.get(estimate.verdict or "", "")
    if estimate.low is None or estimate.high is None:
        return shown
    return f"{shown} \\[{signed(estimate.low, digits)}, {signed(estimate.high, digits)}\\]"


def _cell(cell: Cell) -> str:
    if cell.score is None:
        return text(f"state.{cell.status}").en
    shown = f"{cell.score.value:.1f}"
    mark = MARKS.get(cell.verdict or "", "")
    if cell.best:
        return f"**{shown}**{mark}"
    return f"_{shown}_{mark}" if cell.tied else shown + mark
