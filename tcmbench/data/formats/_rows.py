"""Reading and writing common to the formats that are files of JSON objects."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench.data.rows import numbered
from tcmbench.errors import DataError
from tcmbench.store import atomic_write, is_free

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from tcmbench.data.formats import TrainingRow
    from tcmbench.store import Json


def training_rows(path: Path, parse: Callable[[Mapping[str, object]], TrainingRow]) -> Iterator[TrainingRow]:
    """Yield what `parse` returns for each object, with its line.

    Raises:
        DataAbsent: There is no such file.
        BadLines: After the last row: all bad lines.
    """
    return (replace(row, where=f"{path}:{line}") for line, row in numbered(path, parse))


def write_rows(values: Iterable[Mapping[str, Json]], path: Path) -> None:
    """Write one JSON object per line, in UTF-8; nothing is written if the iterator raises an error."""
    with atomic_write(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def require_empty(folder: Path) -> None:
    """Check that a folder is empty: files of another split would be read as part of the new data.

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
            raise DataError(
                f"{row.place(path, number)} has no positive, so it can't be used for training. Leave it out."
            )
        yield row
