"""The board as a LaTeX table for a paper: booktabs, best bold, ties underlined, intervals beside the sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import load_added
from tcmbench.boards.notes import without_interval
from tcmbench.boards.texts import clip, metric_title, quick_look, text
from tcmbench.specs.suite import ROLES
from tcmbench.text.numbers import signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.boards.columns import Column
    from tcmbench.boards.table import BoardRow, Cell, ShownEstimate, Table

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
        "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
        ">": r"\textgreater{}", "\n": " ", "\r": " ",
        "[": "{[}", "*": "{*}",  # at the start of a row they would be parsed as an argument of the previous row
    }
)  # fmt: skip


def to_latex(table: Table) -> str:
    """Return a `table*` environment that needs the package booktabs, and ctex or xeCJK for Chinese names."""
    roles = list(dict.fromkeys(column.role for column in table.columns))
    spans = {role: sum(column.role == role for column in table.columns) for role in roles}
    groups = [" & \\multicolumn{3}{c}{Against the reference}"]
    rules, first = ["\\cmidrule(lr){2-4}"], 5
    for role in roles:
        groups.append(f"\\multicolumn{{{spans[role]}}}{{c}}{{{text(f'role.{role}').en}}}")
        rules.append(f"\\cmidrule(lr){{{first}-{first + spans[role] - 1}}}")
        first += spans[role]
    added = load_added()
    heads = ["Model", "In domain", "Held out", "BWT"]
    heads += [f"{escape(column.title)} ({escape(metric_title(column.metric))})" for column in table.columns]
    heads += [escape(column.HEADING.en) for _, column in added]
    groups += [""] * len(added)
    reference = escape(table.row(table.reference).title)
    note = f"{escape(table.title.en)}: points (0--100), differences from {reference} with 95\\% intervals."
    if any(row.aggregates.partial for row in table.rows):
        note += f" $^*$ {text('table.partial').en}."
    if table.limit is not None:
        note += f" {quick_look(table.limit)}"
    caption = f"\\caption{{{note}{' Synthetic data.' if table.synthetic else ''}}}"
    lines = [
        "\\begin{table*}",
        "\\centering\\small",
        caption,
        f"\\label{{tab:{table.digest[:12]}}}",
        f"\\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
        "\\toprule",
        " & ".join(groups) + " \\\\",
        "".join(rules),
        " & ".join(heads) + " \\\\",
        "\\midrule",
        *(_line(row, table, added) for row in table.rows),
        "\\bottomrule",
        "\\end{tabular}",
        *_notes(table),
        "\\end{table*}",
        f"% sha256:{table.digest}",
    ]
    return "\n".join(lines) + "\n"


def _notes(table: Table) -> list[str]:
    """Return the reasons of figures without an interval as a paragraph below the table."""
    bare = [f"{escape(row)} on {escape(column)}: {escape(why)}" for row, column, why in without_interval(table)]
    if not bare:
        return []
    return [
        "\\par\\smallskip",
        "\\begin{minipage}{\\linewidth}\\footnotesize",
        f"Without an interval: {'; '.join(bare)}.",
        "\\end{minipage}",
    ]


def escape(value: str) -> str:
    """Return text escaped for LaTeX."""
    return clip(value).translate(_ESCAPES)


def _line(row: BoardRow, table: Table, added: Sequence[tuple[str, Column]]) -> str:
    sums = row.aggregates
    parts = [escape(row.title), *(_sum(sums.of(role), partial=role in sums.partial) for role in ROLES)]
    parts += [_cell(row.cells[column.name]) for column in table.columns]
    parts += [escape(column.figure(row).text.en) for _, column in added]
    return " & ".join(parts) + " \\\\"


def _sum(estimate: ShownEstimate | None, *, partial: bool) -> str:
    if estimate is None:
        return "--"
    shown = f"${_number(estimate.value)}{'^*' if partial else ''}$"
    if estimate.low is None or estimate.high is None:
        return shown
    return f"{shown} {{\\scriptsize$[{_number(estimate.low)}, {_number(estimate.high)}]$}}"


def _number(value: float) -> str:
    return signed(value).replace("−", "-")


def _cell(cell: Cell) -> str:
    if cell.score is None:
        return f"\\textit{{{text(f'state.{cell.status}').en}}}"
    shown = f"{cell.score.value:.1f}"
    if cell.best:
        return f"\\textbf{{{shown}}}"
    return f"\\underline{{{shown}}}" if cell.tied else shown
