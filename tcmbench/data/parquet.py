"""Rows of Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench import faults
from tcmbench.data import reading
from tcmbench.data.lines import Row
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, numbered from 1.

    Raises:
        DataAbsent: There is no such file.
        DataError: It isn't Parquet, or has two columns of one name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = b"".join(reading.chunks(path))
    number = 0
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise DataError(f"{path}: expected each column once, got {', '.join(names)}. Rename or leave out one.")
        for batch in file.iter_batches():
            for value in batch.to_pylist():
                number += 1
                yield Row(number, value)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: expected Parquet, but: {faults.words_of(error)}. Copy the file again.") from error
