"""Files of rows in any format: JSON, JSON lines, CSV, TSV and Parquet, each also compressed.

A layout names its files without an ending (`corpus`, `train`), so that every format serves for every type of task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data import delimited, parquet, reading
from tcmbench.data.lines import iter_objects
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tcmbench.data.lines import LineProblem, Row

ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
"""Ends of the names of files of rows; each may be followed by .gz or .zst, in any capitalisation."""


def ending(path: Path, endings: Sequence[str] = ENDINGS) -> str:
    """Return the end of a file's name that identifies its format, without compression; "" for an unknown one."""
    name = _unpacked(path.name.lower())
    return next((end for end in endings if name.endswith(end)), "")


def stem(path: Path, endings: Sequence[str] = ENDINGS) -> str:
    """Return a file's name without what identifies format and compression; "" where its format is unknown."""
    end = ending(path, endings)
    return path.name[: len(_unpacked(path.name.lower())) - len(end)] if end else ""


def find(folder: Path, name: str, endings: Sequence[str] = ENDINGS) -> Path:
    """Return the file of a folder with this name and any of the endings; where there is none, the first would do.

    Raises:
        DataError: There are several, which may differ; or the folder can't be read.
    """
    files = [path for path in reading.files_in(folder) if stem(path, endings) == name]
    if len(files) > 1:
        names = " and ".join(path.name for path in files)
        raise DataError(f"{folder}: expected one file named {name}, got {names}. Keep one, move the other away.")
    return files[0] if files else folder / f"{name}{endings[0]}"


def read_rows(path: Path) -> Iterator[Row | LineProblem]:
    """Yield the rows of a file in order, and a `LineProblem` for each that can't be read.

    A file with an unknown ending is read as JSON or JSON lines.

    Raises:
        DataAbsent: There is no such file.
        DataError: It can't be read at all.
    """
    kind = ending(path)
    if kind == ".parquet":
        return parquet.read_rows(path)
    return delimited.read_rows(path, kind) if kind in delimited.DELIMITERS else iter_objects(path)


def _unpacked(name: str) -> str:
    packed = next((end for end in reading.COMPRESSED if name.endswith(end)), "")
    return name.removesuffix(packed)
