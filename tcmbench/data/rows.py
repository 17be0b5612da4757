"""Files of one JSON object per row: rows with their lines, and the columns of tasks whose rows have a few fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tcmbench.data import reading
from tcmbench.data.fields import FieldProblem
from tcmbench.data.lines import LineProblem, describe, iter_objects
from tcmbench.errors import BadLines, DataAbsent, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

T = TypeVar("T")

ADVICE = "Fix or remove these lines and run again; docs/data.md describes the formats."


def numbered(path: Path, parse: Callable[[Mapping[str, object]], T]) -> Iterator[tuple[int, T]]:
    """Yield what `parse` returns for each object of a JSON or JSON lines file, in order, with its line.

    Raises:
        DataAbsent: There is no such file.
        BadLines: After the last row: all lines that are not JSON objects or at which `parse` raised a
            FieldProblem.
    """
    if not reading.exists(path):
        raise DataAbsent(path, what="The file to read", how="Check the path.")
    problems: list[str] = []
    for row in iter_objects(path):
        if isinstance(row, LineProblem):
            problems.append(describe(path, row))
            continue
        try:
            yield row.number, parse(row.value)
        except FieldProblem as problem:
            problems.append(describe(path, LineProblem(row.number, str(problem))))
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


def read_columns(path: Path, fields: Mapping[str, Callable[[Mapping[str, object], str], str | float]]) -> Columns:
    """Return the fields of a file's rows as columns.

    Args:
        path: A JSON lines file.
        fields: Field → reader of its value: `values.text`, `values.number`, or a check of the task's own.

    Raises:
        DataAbsent: There is no such file.
        BadLines: All rows that lack a field or have a value of the wrong type.
        DataError: No rows.
    """
    columns = Columns([], {name: [] for name in fields})

    def parse(row: Mapping[str, object]) -> dict[str, str | float]:
        return {name: read(row, name) for name, read in fields.items()}

    for line, row in numbered(path, parse):
        columns.lines.append(line)
        for name, value in row.items():
            columns.values[name].append(value)
    if not columns.lines:
        raise DataError(f"{path}: expected at least one row, got none. Is it the right file?")
    return columns
