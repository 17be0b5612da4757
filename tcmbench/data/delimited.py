"""Rows of CSV and TSV files, each with its first line."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data.fields import MISSING_WORDS
from tcmbench.data.lines import LineProblem, Row, read_text
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""End of a file's name → what is between its cells."""

_LONGEST_FIELD = 1 << 24


class WrittenRow(NamedTuple):
    """One row of a file, as written."""

    number: int
    """Line it starts on, from 1."""

    cells: list[str]


def read_rows(path: Path, kind: str) -> Iterator[Row | LineProblem]:
    """Yield the rows of a file with a header, and a `LineProblem` for those that can't be read.

    A cell is text, or None where it is empty or holds a word that table tools write for that.

    Args:
        path: The file.
        kind: `.csv` or `.tsv`.

    Raises:
        DataAbsent: There is no such file.
        DataError: It isn't of this format, or its header names a column twice.
    """
    rows = read_cells(path, kind)
    head = [name.strip() for name in next(rows, WrittenRow(1, [])).cells]
    if len(set(head)) < len(head):
        raise DataError(f"{path}:1: expected a header with a name per column, each once.")
    for number, cells in rows:
        if not cells:
            continue
        if len(cells) != len(head):
            fix = "Quote fields that hold the delimiter"
            yield LineProblem(number, f"expected {len(head)} fields, got {len(cells)}. {fix}")
        elif any("\ufffd" in cell for cell in cells):
            yield LineProblem(number, "damaged characters")
        else:
            yield Row(number, {name: _value(cell) for name, cell in zip(head, cells, strict=True)})


def read_cells(path: Path, kind: str) -> Iterator[WrittenRow]:
    """Yield all rows of a file as they are, its header too; a blank line has no cells.

    Raises:
        DataAbsent: There is no such file.
        DataError: It isn't of this format.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=DELIMITERS[kind], strict=True)
    line = 1
    try:
        for cells in reader:
            if kind == ".tsv" and any("\t" in cell and len(cell.splitlines()) > 1 for cell in cells):
                raise DataError(
                    f"{path}:{line}: expected a row, got a cell of several lines with tabs in them: its quotation mark "
                    "is closed in a later row. Put quotes around such cells and double those in them, or write JSON "
                    "lines."
                )
            yield WrittenRow(line, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}:{line}: expected {kind[1:].upper()}, but: {error}. Check the quotes.") from error


def _value(cell: str) -> str | None:
    return None if cell in MISSING_WORDS else cell
