"""The table of a training file's rows: record, labels and documents of each line.

Trainers check their batches with it, and leakage reports name records by it; the lines themselves contain only text.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.trainsets.lines import ABSENT, Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa
    import pyarrow.parquet as pq

    from tcmbench.data.tcm_sd import Record, Syndrome
    from tcmbench.trainsets.lines import IntArray

_ROWS_AT_ONCE = 20_000


class RowOrigin(NamedTuple):
    """Origin of one line."""

    record_id: str

    labels: tuple[str, ...]
    """All documents that are right for the query, in this record or in another of the same text, and its groups."""

    positive: str
    """Id of the document."""

    negatives: tuple[str, ...]
    """Ids of the negatives of the line."""

    view: int
    """View of the augmentation; -1 for plain documents."""


class RowWriter:
    """Writes rows incrementally, with a few thousand in memory at a time."""

    def __init__(
        self,
        path: Path,
        records: Sequence[Record],
        knowledge: Sequence[Syndrome],
        *,
        positives: Sequence[frozenset[str]],
    ) -> None:
        """Open a table.

        Args:
            path: The table.
            records: Records of the lines.
            knowledge: Documents of the lines.
            positives: Of each record, see `pairs.positives_of`.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._record_ids = pa.array([record.record_id for record in records], pa.string())
        labels = [
            (*record.labels, *sorted(right.difference(record.labels)), *record.batch_labels())
            for record, right in zip(records, positives, strict=True)
        ]
        self._labels = pa.array(labels, pa.list_(pa.string()))
        self._documents = pa.array([syndrome.doc_id for syndrome in knowledge], pa.string())
        self._waiting: list[Lines] = []
        self._count = 0
        self._writer: pq.ParquetWriter = pq.ParquetWriter(path, _schema(), compression="zstd")

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write(self._count)
        self._writer.close()

    def add(self, lines: Lines) -> None:
        """Add the rows of lines, written now or with the next ones."""
        self._waiting.append(lines)
        self._count += len(lines.record)
        while self._count >= _ROWS_AT_ONCE:
            self._write(_ROWS_AT_ONCE)

    def _write(self, count: int) -> None:
        import numpy as np
        import pyarrow as pa

        if not self._waiting:
            self._writer.write_table(_schema().empty_table())
            return
        parts = zip(*(lines[:4] for lines in self._waiting), strict=True)
        record, positive, negatives, view = (np.concatenate(part) for part in parts)
        self._count = len(record) - count
        left = Lines(record[count:], positive[count:], negatives[count:], view[count:], self._waiting[0].is_scored)
        self._waiting = [left] if self._count else []
        record, positive, negatives, view = record[:count], positive[:count], negatives[:count], view[:count]
        columns = (
            self._record_ids.take(pa.array(record)),
            self._labels.take(pa.array(record)),
            self._documents.take(pa.array(positive)),
            self._listed(negatives),
            pa.array(view.astype(np.int16)),
        )
        self._writer.write_table(pa.table(list(columns), schema=_schema()))

    def _listed(self, negatives: IntArray) -> pa.ListArray:
        import numpy as np
        import pyarrow as pa

        is_there = negatives != ABSENT
        offsets = np.concatenate([[0], np.cumsum(is_there.sum(axis=1))]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), self._documents.take(pa.array(negatives[is_there])))


def read_rows(path: Path) -> list[RowOrigin]:
    """Return all rows of a table, in the order of the lines."""
    return list(iter_rows(path))


def iter_rows(path: Path) -> Iterator[RowOrigin]:
    """Yield the rows of a table, in the order of the lines; a few thousand are in memory at a time."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(_ROWS_AT_ONCE):
        for i, labels, positive, negatives, view in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            yield RowOrigin(i, tuple(labels), positive, tuple(negatives), view)


def count_rows(path: Path) -> int:
    """Return the number of rows of a table."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


@contextmanager
def origins_writer(path: Path) -> Iterator[Callable[[Sequence[RowOrigin]], None]]:
    """Open a table; rows that are handed over are written a few thousand at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    waiting: list[RowOrigin] = []

    with pq.ParquetWriter(path, _schema(), compression="zstd") as writer:

        def write(rows: Sequence[RowOrigin], *, least: int = _ROWS_AT_ONCE) -> None:
            waiting.extend(rows)
            if waiting and len(waiting) >= least:
                columns = [list(column) for column in zip(*waiting, strict=True)]
                writer.write_table(pa.table(columns, schema=_schema()))
                waiting.clear()

        yield write
        write((), least=1)


def _schema() -> pa.Schema:
    import pyarrow as pa

    names = pa.list_(pa.string())
    types = (pa.string(), names, pa.string(), names, pa.int16())
    return pa.schema(list(zip(RowOrigin._fields, types, strict=True)))
