"""Rows of files in any format, each with its line; and the columns of tasks whose rows have a few fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tcmbench.data import columns as column_names
from tcmbench.data import reading, table_files
from tcmbench.data.fields import FieldProblem
from tcmbench.data.lines import LineProblem, describe
from tcmbench.errors import BadLines, DataAbsent, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

T = TypeVar("T")

ADVICE = "Fix or remove these lines and run again; docs/data.md describes the formats."


def numbered(
    path: Path, parse: Callable[[Mapping[str, object]], T], *, required: Collection[str] = ()
) -> Iterator[tuple[int, T]]:
    """Yield what `parse` returns for each row of a file, in order, with its line or number.

    Args:
        path: A file of any format of `table_files`.
        parse: Returns the content of a row.
        required: Names of columns that some row must have.

    Raises:
        DataAbsent: There is no such file.
        DataError: After the last row: none has a required column.
        BadLines: After the last row: all that can't be read or at which `parse` raised a FieldProblem.
    """
    if not reading.exists(path):
        raise DataAbsent(path, what="The file to read", how="Check the path.")
    problems: list[str] = []
    present: dict[str, None] = {}
    for row in table_files.read_rows(path):
        if isinstance(row, LineProblem):
            problems.append(describe(path, row))
            continue
        if required:
            present |= dict.fromkeys(row.value)
        try:
            yield row.number, parse(row.value)
        except FieldProblem as problem:
            problems.append(describe(path, LineProblem(row.number, str(problem))))
    if present or not problems:
        column_names.require(path, required, present)
    if problems:
        raise BadLines(problems, advice=ADVICE)


class Columns(NamedTuple):
    """The rows of a task's file, as columns."""

    lines: list[int]
    """Line of each row, from 1."""

    values: dict[str, list[str | float]]
    """Field → values, in the order of the file."""

    def texts(self, name: str) -> list[str]:
        """Return the values of a field of text."""
        return [str(value) for value in self.values[name]]


def read_columns(
    path: Path,
    fields: Mapping[str, Callable[[Mapping[str, object], str], str | float]],
    mapped: Mapping[str, str] | None = None,
) -> Columns:
    """Return the fields of a file's rows as columns.

    Args:
        path: A file of any format of `table_files`.
        fields: Field → reader of its value: `values.text`, `values.number`, or a check of the task's own.
        mapped: Field → its name in the file, where it has another one.

    Raises:
        DataAbsent: There is no such file.
        BadLines: All rows that lack a field or have a value of the wrong type.
        DataError: No rows, or none with a mapped name.
    """
    columns = Columns([], {name: [] for name in fields})
    mapped = {field: name for field, name in (mapped or {}).items() if field in fields}
    names = column_names.names({field: (field,) for field in fields}, mapped)

    def parse(row: Mapping[str, object]) -> dict[str, str | float]:
        return {field: read(row, names.of[field][0]) for field, read in fields.items()}

    for line, row in numbered(path, parse, required=mapped.values()):
        columns.lines.append(line)
        for name, value in row.items():
            columns.values[name].append(value)
    if not columns.lines:
        raise DataError(f"{path}: expected at least one row, got none. Is it the right file?")
    return columns
