"""The table beside a training file: which record, labels and documents each line was made of.

Trainers check their batches by it and leakage reports name records by it; the lines themselves hold only text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS_AT_ONCE = 20_000


class Row(NamedTuple):
    """Where one line comes from."""

    record_id: str

    labels: tuple[str, ...]
    """All gold syndromes of the record."""

    positive: str
    """Id of the document."""

    negatives: tuple[str, ...]
    """Ids of the documents that stand in the line."""

    view: int
    """View of the augmentation; -1 for plain documents."""


class RowWriter:
    """Writes rows as they come, a few thousand in memory at a time."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._rows: list[Row] = []
        self._writer: pq.ParquetWriter = pq.ParquetWriter(path, _schema(), compression="zstd")

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        self._writer.close()

    def add(self, row: Row) -> None:
        """Write a row, now or with the next ones."""
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        columns = {name: [row[i] for row in self._rows] for i, name in enumerate(Row._fields)}
        self._writer.write_table(pa.table(columns, schema=_schema()))
        self._rows = []


def read_rows(path: Path) -> list[Row]:
    """Return all rows of a table, in the order of the lines."""
    import pyarrow.parquet as pq

    columns = [column.to_pylist() for column in pq.read_table(path).columns]
    return [Row(i, tuple(labels), p, tuple(n), v) for i, labels, p, n, v in zip(*columns, strict=True)]


def _schema() -> pa.Schema:
    import pyarrow as pa

    names = pa.list_(pa.string())
    types = (pa.string(), names, pa.string(), names, pa.int16())
    return pa.schema(list(zip(Row._fields, types, strict=True)))
