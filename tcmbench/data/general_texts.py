"""General texts that a training keeps its base's ability on: a sample of a file, by the hash of the texts."""

from __future__ import annotations

import hashlib
import heapq
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data import columns as column_names
from tcmbench.data import rows, table_files, values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.tables import COLUMNS
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.data.columns import Names

_COLUMNS = {
    "query": COLUMNS["query"],
    "positive": COLUMNS["positive"],
    "text": ("text", "sentence", "content", "文本", "句子"),
}


class GeneralRow(NamedTuple):
    """Two texts that belong together, or a single one."""

    query: str
    """First text of a pair; empty in a row with a single text."""

    positive: str
    """Its other text, or the single one."""


def sample(path: Path, *, count: int, columns: Mapping[str, str] | None = None) -> tuple[GeneralRow, ...]:
    """Return the distinct rows with the lowest hashes, in the order of these hashes; rows with a blank text have none.

    Args:
        path: CSV, TSV, Parquet, JSON or JSON lines, compressed or not.
        count: Maximum number of rows; fewer where the file has fewer.
        columns: Column → its name in the file, where it isn't a common one.

    Raises:
        DataAbsent: There is no such file.
        BadLines: Rows without these columns, or that can't be read.
        DataError: It has another format, or no rows.
        SpecError: An unknown column.
    """
    if not table_files.ending(path):
        endings = ", ".join(table_files.ENDINGS)
        raise DataError(f"{path}: expected a file that ends in {endings}, or one of these and .gz or .zst.")
    names = column_names.names(_COLUMNS, columns or {})
    numbered = rows.numbered(path, lambda row: _row(row, names), required=names.mapped.values())
    lowest: dict[bytes, GeneralRow] = {}
    limit = b"\xff" * 16
    for _, row in numbered:
        if row is None:
            continue
        digest = hashlib.blake2b(repr(tuple(row)).encode(), digest_size=16).digest()
        if digest >= limit:
            continue
        lowest[digest] = row
        if len(lowest) >= 2 * count:
            lowest = {kept: lowest[kept] for kept in heapq.nsmallest(count, lowest)}
            limit = max(lowest)
    if not lowest:
        raise DataError(f"{path}: expected at least one row, got none. Is it the right file?")
    return tuple(lowest[digest] for digest in heapq.nsmallest(count, lowest))


def _row(row: Mapping[str, object], names: Names) -> GeneralRow | None:
    """Return the texts of a row; None where one of them is blank."""
    query, positive, text = (names.find(row, column) for column in _COLUMNS)
    used = (query, positive) if query and positive else (text,) if text else ()
    if any(isinstance(value := row[name], str) and not value.strip() for name in used):
        return None
    if query and positive:
        return GeneralRow(values.text(row, query), values.text(row, positive))
    if not text:
        raise FieldProblem(
            f"expected query and positive, or text; {values.keys(row)}. Rename a column, or name it in keep.columns"
        )
    return GeneralRow("", values.text(row, text))
