"""A table of pairs: CSV, TSV, Parquet, JSON or JSON lines with a column of queries and one of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data import tables
from tcmbench.data.formats import TrainingRow, _rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tcmbench.data.formats import Holds, Part

HOLDS: Holds = "rows"
KEEPS: frozenset[Part] = frozenset({"negatives", "query_id"})


def read(path: Path) -> Iterator[TrainingRow]:
    """Yield the rows of a file; `tables.training_rows` defines the recognised columns."""
    return tables.training_rows(path)


def write(rows: Iterable[TrainingRow], path: Path) -> None:
    """Write each row as `{"query": …, "positive": […], "negative": […]}`, with its id where it has one."""
    _rows.write_rows(
        (
            {
                **({"query_id": row.query_id} if row.query_id else {}),
                "query": row.query,
                "positive": list(row.positives),
                "negative": list(row.negatives),
            }
            for row in _rows.with_positives(rows, path)
        ),
        path,
    )
