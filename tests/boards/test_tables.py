"""LaTeX, Markdown, CSV and BibTeX: hostile names stay names."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tcmbench.api import Leaderboard
from tcmbench.boards import latex, markdown
from tcmbench.boards.build import build
from tcmbench.boards.citation import to_bibtex
from tcmbench.boards.document import to_json
from tcmbench.boards.options import Options
from tcmbench.boards.spreadsheet import _safe, to_csv
from tcmbench.boards.texts import Text, same
from tcmbench.version import __version__

from .fake import POLICIES, Shape, make

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.boards.table import Table
    from tcmbench.plugins import Kind


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Return a small table with names that mean something to every format."""
    labels = {0: "=1+1", 1: "a|b_c & 100% \\input{x} $y$ # ^ ~ <b>", 2: "two\nlines", 3: "[x] *"}
    fake = make(tmp_path_factory.mktemp("scores"), Shape(variants=4, columns=4, items=30, seeds=1, labels=labels))
    return build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES))


def rows_of(text: str) -> list[list[str]]:
    """Return the rows of every tabular of a document, head first."""
    tabulars = re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.DOTALL)
    return [[line for line in tabular.splitlines() if line.endswith("\\\\")] for tabular in tabulars]


def test_latex_has_one_line_a_row_and_equal_columns(table: Table) -> None:
    """Every row has as many cells as its head, and nothing of a name is a command; tasks come in blocks below roles."""
    text = latex.to_latex(table, tasks=table.columns)
    roles, tasks = rows_of(text)
    assert [rows_of(latex.to_latex(table))[0], len(rows_of(latex.to_latex(table)))] == [roles, 1]
    for body, cells in ((roles, 4), (tasks, 1 + len(table.columns))):
        assert len(body) == len(table.rows) + 1
        assert all(line.replace("\\&", "").count("&") == cells - 1 for line in body)
        assert not any(line.startswith(("[", "*")) for line in body)
    assert "\\input" not in text
    assert table.digest in text


def test_what_latex_can_t_show_has_its_reason_below(table: Table) -> None:
    """In LaTeX as in Markdown, once for each figure without an interval and each score that is missing, escaped."""
    first, column = table.rows[1], table.columns[0].name
    cells = {**first.cells, column: replace(first.cells[column], reason=Text("3 of 50% have_one & more", ""))}
    rows = tuple(replace(row, cells=cells) if row is first else row for row in table.rows)
    bare = replace(table, rows=rows)
    document = latex.to_latex(bare)
    assert "Without an interval" not in latex.to_latex(table)
    assert document.count("3 of 50\\% have\\_\\allowbreak{}one \\& more") == 1
    places = [
        document.index(part)
        for part in ("\\end{tabularx}", "Without an interval: ", "Without a score: ", "\\end{table}")
    ]
    assert places == sorted(places)
    assert document.count("out of memory after 312 steps") == 1
    assert markdown.to_markdown(bare).count("3 of 50%") == 1


def test_markdown_has_one_line_a_row_and_equal_columns(table: Table) -> None:
    """A pipe or a line break in a name adds neither a column nor a row; missing scores are listed below."""
    text = markdown.to_markdown(table)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(lines) == len(table.rows) + 1
    assert {line.replace("\\|", "").count("|") for line in lines} == {5 + len(table.columns)}
    assert "<b>" not in text
    assert "out of memory" in text


def test_sums_over_a_part_of_the_tasks_are_marked(table: Table) -> None:
    """Where a model can't do all tasks of a role, its mean is no other model's mean: a star and a note say so."""
    variant = next(row for row in table.rows if row.kind == "variant" and row.aggregates.general is not None)
    aggregates = replace(variant.aggregates, partial=frozenset({"general"}))
    rows = tuple(replace(row, aggregates=aggregates) if row is variant else row for row in table.rows)
    for render, star in ((markdown.to_markdown, "\\*"), (latex.to_latex, "*")):
        marked = render(replace(table, rows=rows))
        assert marked.count(star) == render(table).count(star) + 2
        assert "over the tasks that the model supports" in marked


def test_data_says_which_sums_are_over_a_part(table: Table) -> None:
    """scores.csv tells it as the reason of the sum, scores.json as the model's roles."""
    row = next(row for row in table.rows if row.kind == "variant" and row.aggregates.general is not None)
    part = replace(row, aggregates=replace(row.aggregates, partial=frozenset({"general"})))
    marked = replace(table, rows=tuple(part if other is row else other for other in table.rows))
    lines = [line for line in to_csv(marked).splitlines() if "over the tasks that the model supports" in line]
    assert len(lines) == 1
    assert ",backward_transfer," in lines[0]
    roles = {row["name"]: row["aggregates"]["partial"] for row in json.loads(to_json(marked))["rows"]}
    assert roles == {other.name: ["general"] if other is row else [] for other in table.rows}


COLUMN = """\"Items measured, over all tasks.\"
from tcmbench.boards.columns import ColumnFigure, Heading, nothing
from tcmbench.boards.texts import Text, same

HEADING = Heading(position=1, en="Items_all", zh="条目", help_en="All items.", help_zh="全部条目。")

def figure(row):
    if row.is_reference:
        return nothing(Text("=reference", "参照"))
    total = sum(cell.items for cell in row.cells.values())
    return ColumnFigure(value=float(total), text=same(f"{total}&"))
"""


def test_columns_of_other_packages_stand_in_every_table(
    table: Table, install: Callable[[Kind, str, str], Path]
) -> None:
    """A column of another package is in the tables for papers and spreadsheets too, escaped as all text is."""
    plain = [line.count("&") for line in latex.to_latex(table).replace("\\&", "").splitlines()]
    install("columns", "all_items", COLUMN)
    row = next(row for row in table.rows if not row.is_reference)
    total = sum(cell.items for cell in row.cells.values())
    assert f" | {total}&amp; |" in markdown.to_markdown(table)
    assert "Items\\_all |" in markdown.to_markdown(table)
    added = [line.count("&") for line in latex.to_latex(table).replace("\\&", "").splitlines()]
    assert added == [count + (count > 0) for count in plain]
    assert f" & {total}\\& \\\\" in latex.to_latex(table)
    lines = list(csv.DictReader(io.StringIO(to_csv(table))))
    figures = {line["model"]: line for line in lines if line["task"] == "all_items"}
    assert set(figures) == {other.name for other in table.rows}
    first, reference = figures[row.name], figures[table.reference]
    assert (first["role"], first["status"], first["score"]) == ("column", "measured", f"{total:.4f}")
    assert (reference["status"], reference["score"], reference["reason"]) == ("not_measured", "", "'=reference")


def test_csv_cells_are_no_formulas(table: Table) -> None:
    """A name that begins like a formula is quoted for spreadsheets."""
    assert ",'=1+1," in to_csv(table)


@pytest.mark.parametrize(
    "name", ["=1+1", "＝1+1", "＋1", "－1", "＠SUM(1)", "@x", "-1", "\t=1", " =1", "\u3000＝1", "\n1"]
)
def test_no_name_begins_a_formula(name: str) -> None:
    """Full-width signs and signs behind spaces are quoted too; other names are left as they are."""
    assert _safe(name) == f"'{name}"
    assert _safe(f"a{name}") == f"a{name}"


def test_bibtex_is_one_line_with_the_digest(table: Table) -> None:
    """The citation names the result by its hash, and no brace of a title unbalances it."""
    line = to_bibtex(replace(table, title=same("A {strange} title\n%")))
    assert "\n" not in line
    assert line.count("{") == line.count("}")
    assert table.digest in line


def test_the_citation_names_the_author_of_the_board(table: Table) -> None:
    """The set's author, never the program's; without one, set and program. The label tells two boards apart."""
    assert "author" not in to_bibtex(table)
    named = to_bibtex(replace(table, author="Li Hua and Wang_Fang"))
    assert r"author = {Li Hua and Wang\_Fang}," in named
    assert f"Board {table.label} by tcmbench {__version__}" in named
    other = replace(table, digest="0" * 64)
    assert table.label == f"{table.name}-{table.digest[:8]}"
    assert other.label != table.label
    assert to_bibtex(other) != to_bibtex(table)


def test_two_splits_of_a_task_stay_apart(table: Table) -> None:
    """In the spreadsheet and in a notebook: each has its own score, and none is a mean of both."""
    first, second, *others = table.columns
    board = replace(table, columns=(first, replace(second, task=first.task, split="dev"), *others))
    lines = list(csv.DictReader(io.StringIO(to_csv(board))))
    assert len({(line["model"], line["column"]) for line in lines}) == len(lines)
    shown = Leaderboard(lambda: board)._repr_html_()
    scores = [cell.score for row in board.rows for cell in row.cells.values() if cell.score is not None]
    assert [f"{score.value:.2f}" for score in scores if f"<td>{score.value:.2f}</td>" not in shown] == []
