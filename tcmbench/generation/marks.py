"""The marks of generated rows in a training table, and who generated them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data import reading, table_files, values
from tcmbench.data.lines import Row

if TYPE_CHECKING:
    from pathlib import Path

SYNTHETIC = "synthetic"
"""Column that is true for generated rows."""

GENERATOR = "generator"
"""Column with the name of the model that generated the row."""

_TRUE = frozenset({"true", "1"})


def generators_of(path: Path) -> tuple[str, ...]:
    """Return the names of the models that generated rows of a training table, sorted; () where no row is marked.

    Files without the word `generator` are only searched, not parsed, which takes about as long as reading them.

    Args:
        path: A table in any format; a folder, such as one of TCM-SD, has no marks.

    Raises:
        DataAbsent: There is no such file or folder.
        DataError: It can't be read.
    """
    if reading.is_folder(path) or not (table_files.ending(path) == ".parquet" or _mentions(path, GENERATOR)):
        return ()
    rows = (row.value for row in table_files.read_rows(path) if isinstance(row, Row))
    names = {
        str(row[GENERATOR])
        for row in rows
        if str(row.get(SYNTHETIC)).lower() in _TRUE and not values.is_missing(row.get(GENERATOR))
    }
    return tuple(sorted(names - {""}))


def _mentions(path: Path, word: str) -> bool:
    """Return whether the bytes of a file, unpacked, contain an ASCII word."""
    sought = word.encode()
    end = b""
    for chunk in reading.chunks(path):
        if sought in end + chunk:
            return True
        end = chunk[-len(sought) :]
    return False
