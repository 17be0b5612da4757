"""Files of one JSON object a row, shared by the formats that are such files."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from tcmbench.data.fields import FieldProblem
from tcmbench.data.lines import Problem, clean, describe, iter_objects
from tcmbench.errors import BadLines, DataAbsent, DataError
from tcmbench.store import atomic_write, is_free

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from tcmbench.data.formats import TrainingRow
    from tcmbench.store import Json

T = TypeVar("T")

_NOTHING: tuple[object, ...] = (None, "", [], {})

ADVICE = "Mend these lines, or leave them out, and run again."


def parsed(path: Path, parse: Callable[[Mapping[str, object]], T]) -> Iterator[T]:
    """Yield what `parse` makes of each object of a JSON or JSON lines file, in order.

    Raises:
        DataAbsent: There is no such file.
        BadLines: After the last row: all lines that are not JSON objects or at which `parse` raised a
            FieldProblem.
    """
    return (value for _, value in numbered(path, parse))


def training_rows(path: Path, parse: Callable[[Mapping[str, object]], TrainingRow]) -> Iterator[TrainingRow]:
    """Yield what `parse` makes of each object, as `parsed` does, with the line it stands on."""
    return (replace(row, where=f"{path}:{line}") for line, row in numbered(path, parse))


def numbered(path: Path, parse: Callable[[Mapping[str, object]], T]) -> Iterator[tuple[int, T]]:
    """Yield what `parse` makes of each object, as `parsed` does, behind the line it stands on."""
    if not path.is_file():
        raise DataAbsent(path, what="The file to read", how="Check the path.")
    problems: list[str] = []
    for row in iter_objects(path):
        if isinstance(row, Problem):
            problems.append(describe(path, row))
            continue
        try:
            yield row.number, parse(row.value)
        except FieldProblem as problem:
            problems.append(describe(path, Problem(row.number, str(problem))))
    if problems:
        raise BadLines(problems, advice=ADVICE)


def write_rows(values: Iterable[Mapping[str, Json]], path: Path) -> None:
    """Write one JSON object a line, UTF-8, all of them or, on an error of their maker, none."""
    with atomic_write(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def require_empty(folder: Path) -> None:
    """Refuse a folder with files in it: those of another split would stay and be read as part of the new data.

    Raises:
        DataError: There are files in it.
    """
    if not is_free(folder):
        raise DataError(f"{folder}: expected a new or empty folder to write to. Choose another, or empty it.")


def with_positives(rows: Iterable[TrainingRow], path: Path) -> Iterator[TrainingRow]:
    """Yield the rows.

    Raises:
        DataError: A row has no positive.
    """
    for number, row in enumerate(rows, start=1):
        if not row.positives:
            raise DataError(f"{row.place(path, number)} has no positive, nothing to learn from. Leave it out.")
        yield row


def unread(row: Mapping[str, object], *read: str) -> tuple[str, ...]:
    """Return the keys of a row, other than those that were read, that hold anything."""
    return tuple(key for key, value in row.items() if key not in read and value not in _NOTHING)


def text(row: Mapping[str, object], *names: str) -> str:
    """Return the text of the first field there is; space around it is kept, since models read it.

    Raises:
        FieldProblem: There is none, or it is no text, or blank.
    """
    for name in names:
        if name in row:
            return as_text(row[name], name)
    keys = ", ".join(sorted(row)) or "none"
    raise FieldProblem(f"expected {' or '.join(names)}; keys here: {keys}")


def texts(row: Mapping[str, object], *names: str) -> tuple[str, ...]:
    """Return the texts of the first field there is, given as a list or as one text; () when missing or null.

    Raises:
        FieldProblem: One of them is no text, or blank.
    """
    for name in names:
        value = row.get(name)
        if value is not None:
            return tuple(as_text(item, name) for item in (value if isinstance(value, list) else [value]))
    return ()


def as_text(value: object, name: str) -> str:
    """Return a value that must be text with something in it.

    Raises:
        FieldProblem: It is not.
    """
    if not isinstance(value, str):
        raise FieldProblem(f"{name}: expected text, got {type(value).__name__}")
    if not value.strip():
        raise FieldProblem(f"{name}: blank")
    return clean(value, strip=False)


def number(row: Mapping[str, object], name: str, *, default: float | None = None) -> float:
    """Return a finite number.

    Raises:
        FieldProblem: It is not one, or it is missing and there is no default.
    """
    value = row.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FieldProblem(f"{name}: expected a number, got {'nothing' if value is None else type(value).__name__}")
    return float(value)
