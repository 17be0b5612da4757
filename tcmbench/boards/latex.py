r"""The board as LaTeX tables for a paper: booktabs, as wide as the column or page that they stand in.

Names and heads wrap, and many tasks are split into blocks, so that nothing is wider than `\linewidth`, down to the
column of a two-column paper (7.7 cm).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards.columns import in_line, load_listed
from tcmbench.boards.notes import unlike_conditions, without_interval, without_score
from tcmbench.boards.texts import clip, metric_title, quick_look, text
from tcmbench.specs.suite import ROLES
from tcmbench.text.numbers import signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcmbench.boards.cells import Difference
    from tcmbench.boards.columns import Column
    from tcmbench.boards.table import BoardRow, Table, TaskColumn
    from tcmbench.specs.suite import Role

_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "\n": " ", "\r": " ",
    "[": "{[}", "*": "{*}",  # at the start of a row they would be parsed as an argument of the previous row
}  # fmt: skip

_BREAKS_AFTER = frozenset("-_/.+=:,@")
_LONGEST = 6
"""Letters of a word that stay together where a line is too narrow for it."""

_PER_BLOCK = 6
"""Tasks side by side: a page of 14 cm has room for their scores."""

_MARKS = {"improved": "\\uparrow", "regressed": "\\downarrow"}


class _Column(NamedTuple):
    head: str
    cell: Callable[[BoardRow], str]


def to_latex(table: Table, *, tasks: Sequence[TaskColumn] = ()) -> str:
    """Return a `table` with the means over roles; with tasks a `table*`, with blocks of their scores below.

    Args:
        table: The board.
        tasks: Columns whose scores are shown, too.
    """
    environment = "table*" if tasks else "table"
    roles = [role for role in ROLES if any(column.role == role for column in table.columns)]
    first = [_Column(text(f"answer.{role}").en, partial(_sum, role=role)) for role in roles]
    first += [
        _Column(escape(column.HEADING.en), partial(_added, column=column)) for _, column in load_listed(table.rows)
    ]
    of_tasks = [
        _Column(
            f"{_breakable(column.title)} ({_breakable(metric_title(column.metric))})", partial(_score, name=column.name)
        )
        for column in tasks
    ]
    blocks = [first, *(of_tasks[start : start + _PER_BLOCK] for start in range(0, len(of_tasks), _PER_BLOCK))]
    return "\n".join(
        [
            "% Packages: booktabs, tabularx; for Chinese names also ctex, with XeLaTeX or LuaLaTeX.",
            f"\\begin{{{environment}}}",
            "\\centering\\small\\setlength{\\tabcolsep}{2pt}",
            f"\\caption{{{_caption(table, has_tasks=bool(tasks))}}}",
            f"\\label{{tab:{table.digest[:12]}}}",
            "\\par\\medskip\n".join("\n".join(_block(columns, table)) + "\n" for columns in blocks).rstrip("\n"),
            *_notes(table),
            f"\\end{{{environment}}}",
            f"% sha256:{table.digest}",
            "",
        ]
    )


def escape(value: str) -> str:
    """Return text escaped for LaTeX."""
    return "".join(_ESCAPES.get(character, character) for character in clip(value))


def _breakable(value: str, *, longest: int = _LONGEST) -> str:
    """Return text escaped, with places where a narrow column may break it: after signs, and in long words."""
    parts, letters = [], 0
    for character in clip(value):
        letters = letters + 1 if character.isascii() and character.isalnum() else 0
        if letters > longest:
            parts.append("\\-")
            letters = 1
        parts.append(_ESCAPES.get(character, character))
        if character in _BREAKS_AFTER:
            parts.append("\\allowbreak{}")
    return "".join(parts)


def _caption(table: Table, *, has_tasks: bool) -> str:
    level = escape(table.policy.level)
    said = [
        f"{escape(table.title.en)}: points (0--100).",
        f"Differences from {_breakable(table.row(table.reference).title)} (ref.), below them their {level} intervals.",
        "$\\uparrow$, $\\downarrow$: significantly better, worse.",
    ]
    if has_tasks:
        said.append("Scores: bold, the best; underlined, not significantly different from it.")
    if any(row.kind != "variant" for row in table.rows):
        said.append("--: without tuning nothing is forgotten.")
    if any(row.cure for row in table.rows):
        said.append(f"$\\hookrightarrow$: {text('cure.below').en}")
    if any(row.aggregates.partial for row in table.rows):
        said.append(f"$^*$ {text('table.partial').en}.")
    if table.limit is not None:
        said.append(quick_look(table.limit))
    if table.synthetic:
        said.append("Synthetic data.")
    return " ".join(said)


def _block(columns: Sequence[_Column], table: Table) -> list[str]:
    """Return a tabular as wide as its place: model names, and columns of equal width."""
    kinds = f"@{{}}>{{\\raggedright\\arraybackslash}}p{{0.24\\linewidth}}*{{{len(columns)}}}"
    kinds += "{>{\\centering\\arraybackslash}X}@{}"
    heads = " & ".join(f"{{\\footnotesize {column.head}}}" for column in columns)
    return [
        f"\\begin{{tabularx}}{{\\linewidth}}{{{kinds}}}",
        "\\toprule",
        f"Model & {heads} \\\\",
        "\\midrule",
        *(" & ".join([_name(row), *(c.cell(row) for c in columns)]) + " \\\\" for row in table.rows),
        "\\bottomrule",
        "\\end{tabularx}",
    ]


def _name(row: BoardRow) -> str:
    """Return a row's name; a cure's below that of its variant."""
    return f"$\\hookrightarrow$ {_breakable(row.title)}" if row.cure or row.form else _breakable(row.title)


def _notes(table: Table) -> list[str]:
    """Return the reasons of figures without an interval and of cells without a score as a paragraph below the table."""
    unlike = unlike_conditions(table)
    said = [] if unlike is None else [_line(unlike.en)]
    bare = [f"{_line(row)} on {_line(column)}: {_line(why)}" for row, column, why in without_interval(table)]
    if bare:
        said.append(f"Without an interval: {'; '.join(bare)}.")
    missing = [
        f"{_line(row.title)} on {', '.join(_line(column.title) for column in columns)} "
        f"({text(f'state.{cell.status}').en}): {_line(cell.reason.en)}"
        for row, cell, columns in without_score(table)
    ]
    if missing:
        said.append(f"Without a score: {'; '.join(missing)}.")
    if not said:
        return []
    return [
        "\\par\\smallskip",
        "\\begin{minipage}{\\linewidth}\\footnotesize\\raggedright",
        "\\par ".join(said),
        "\\end{minipage}",
    ]


def _line(value: str) -> str:
    """Return text for a line as wide as the table, whose words need no breaks."""
    return _breakable(value, longest=3 * _LONGEST)


def _sum(row: BoardRow, *, role: Role) -> str:
    if row.is_reference:
        return "ref."
    estimate = row.aggregates.of(role)
    if estimate is None:
        return "--"
    marks = ("*" if role in row.aggregates.partial else "") + _MARKS.get(estimate.verdict or "", "")
    shown = f"${_number(estimate.value, estimate)}{f'^{{{marks}}}' if marks else ''}$"
    if estimate.low is None or estimate.high is None:
        return shown
    low, high = (_number(end, estimate).removeprefix("+") for end in (estimate.low, estimate.high))
    return f"{shown}\\newline{{\\scriptsize$[{low}, {high}]$}}"


def _number(value: float, estimate: Difference) -> str:
    return signed(value, estimate.digits).replace("−", "-")


def _added(row: BoardRow, *, column: Column) -> str:
    return escape(in_line(column.figure(row))).replace("−", "$-$")


def _score(row: BoardRow, *, name: str) -> str:
    cell = row.cells[name]
    if cell.score is None:
        return f"\\textit{{\\footnotesize {text(f'state.{cell.status}').en}}}"
    shown = f"{cell.score.value:.1f}"
    mark = f"$^{{{_MARKS[cell.verdict]}}}$" if cell.verdict in _MARKS else ""
    if cell.best:
        return f"\\textbf{{{shown}}}{mark}"
    return f"\\underline{{{shown}}}{mark}" if cell.tied else shown + mark
