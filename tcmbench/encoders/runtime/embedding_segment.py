"""A segment of a space of vectors: two append-only files with one writer at a time.

    vectors.f32   one row of single-precision numbers per text
    index.bin     one record per text: 16 bytes digest of the text with its prompt, 4 bytes CRC-32 of digest and row

Each process writes to a segment of its own (`vectors-1.f32`, `index-1.bin` …), the first whose lock is free, so that no
process appends where another does: on a network file system it may not see what that has appended yet.
"""

from __future__ import annotations

import os
import re
import weakref
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tcmbench import disk
from tcmbench.encoders.runtime.file_rows import exactly, runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from filelock import BaseFileLock
    from numpy.typing import NDArray

DIGEST = 16
_RECORD = DIGEST + 4
_BUFFER = 1 << 20
"""Bytes that are read at once, small enough for the processor's cache."""

_NAME = re.compile(r"index(?:-(\d+))?\.bin")


class Segment:
    """The two files, and which text has which row."""

    def __init__(self, folder: Path, number: int, *, dimensions: int) -> None:
        """Name the files, which need not exist.

        Args:
            folder: The space.
            number: Number of the segment; 0 for the first.
            dimensions: Length of a vector.
        """
        suffix = f"-{number}" if number else ""
        self.index = folder / f"index{suffix}.bin"
        self.vectors = folder / f"vectors{suffix}.f32"
        self.rows: dict[bytes, int] = {}
        self._records = 0
        self._dimensions = dimensions
        self._file: tuple[int, int] | None = None

    @property
    def records(self) -> int:
        """Number of its vectors, those of damaged records included."""
        return self._records

    def refresh(self) -> None:
        """Take notice of what its writer has added, or of its removal."""
        try:
            # Sizes of opened files: those of their names may be out of date on a network file system.
            with self.index.open("rb") as index, self.vectors.open("rb") as vectors:
                status = os.fstat(index.fileno())
                whole = min(status.st_size // _RECORD, os.fstat(vectors.fileno()).st_size // (4 * self._dimensions))
                if (status.st_dev, status.st_ino) != self._file:
                    self.rows, self._records = {}, 0
                    self._file = (status.st_dev, status.st_ino)
                index.seek(self._records * _RECORD)
                data = index.read(max(0, whole - self._records) * _RECORD)
        except FileNotFoundError:
            self.rows, self._records, self._file = {}, 0, None
            return
        for place in range(len(data) // _RECORD):
            start = place * _RECORD
            self.rows[data[start : start + DIGEST]] = self._records + place
        self._records += len(data) // _RECORD

    def read(self, names: Sequence[bytes], rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Read rows into `vectors` and return which of them agree with their checksums.

        In the order of the file, through a small buffer: each number is copied once, while the processor's cache
        still holds it from the comparison, and no page of the file stays resident as with a memory map.

        Args:
            names: Digests of the texts.
            rows: Their rows.
            vectors: Result, one row per text.

        Raises:
            FileNotFoundError: The segment has been removed.
            ValueError: It has fewer rows than it had.
        """
        size = 4 * vectors.shape[1]
        sound = np.zeros(len(rows), dtype=np.bool_)
        stated = self._stated(rows)
        with self.vectors.open("rb", buffering=0) as file:
            for run in runs(rows, most=max(1, _BUFFER // size)):
                first, last = int(rows[run[0]]), int(rows[run[-1]])
                file.seek(first * size)
                buffer = exactly(file, (last + 1 - first) * size)
                starts = (rows[run] - first) * size
                for place, start in zip(run.tolist(), starts.tolist(), strict=True):
                    sound[place] = zlib.crc32(buffer[start : start + size], zlib.crc32(names[place])) == stated[place]
                vectors[run] = np.frombuffer(buffer, dtype="<f4").reshape(-1, vectors.shape[1])[rows[run] - first]
        return sound

    def append(self, names: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Write rows, then records, over an incomplete tail of a killed process; only the segment's writer may.

        Args:
            names: Digests of the texts.
            vectors: One row per text.
        """
        self.vectors.touch()
        self.index.touch()
        self.refresh()
        rows = np.ascontiguousarray(vectors, dtype="<f4")
        records = b"".join(
            name + zlib.crc32(row.tobytes(), zlib.crc32(name)).to_bytes(4, "little")
            for name, row in zip(names, rows, strict=True)
        )
        for path, place, data in (
            (self.vectors, self._records * rows.shape[1] * 4, rows.tobytes()),
            (self.index, self._records * _RECORD, records),
        ):
            with path.open("r+b") as file:
                file.truncate(place)
                file.seek(0, 2)
                file.write(data)
        self.refresh()

    def damaged(self) -> tuple[int, int]:
        """Return how many of its vectors differ from their checksums, and how many it has."""
        count = min(self.index.stat().st_size // _RECORD, self.vectors.stat().st_size // (4 * self._dimensions))
        wrong = 0
        with self.index.open("rb") as records, self.vectors.open("rb") as rows:
            for _ in range(count):
                record, row = records.read(_RECORD), rows.read(4 * self._dimensions)
                wrong += zlib.crc32(row, zlib.crc32(record[:DIGEST])) != int.from_bytes(record[DIGEST:], "little")
        return wrong, count

    def _stated(self, rows: NDArray[np.int64]) -> list[int]:
        """Return the checksums in the records of some rows.

        Raises:
            ValueError: The file has fewer records than it had.
        """
        table = np.memmap(self.index, dtype=np.uint8, mode="r", shape=(self._records, _RECORD))
        stated: list[int] = np.ascontiguousarray(table[rows, DIGEST:]).view("<u4")[:, 0].tolist()
        return stated


def numbers(folder: Path) -> list[int]:
    """Return the numbers of the segments of a space, in order."""
    try:
        names = [_NAME.fullmatch(entry.name) for entry in os.scandir(folder)]
    except FileNotFoundError:
        return []
    return sorted(int(name[1] or 0) for name in names if name)


class WritingRight(NamedTuple):
    """The right to append to a segment; it ends with the last reference to its lock, or with the process."""

    number: int
    """Number of the segment."""

    lock: BaseFileLock
    """Held."""


_locks: weakref.WeakValueDictionary[tuple[int, Path], BaseFileLock] = weakref.WeakValueDictionary()
_numbers: dict[tuple[int, Path], int] = {}
"""Segments of this process, by its id, since a forked one inherits them, and by space."""


def own(folder: Path) -> WritingRight:
    """Return the segment that this process writes to, the first that no other does.

    Raises:
        StorageError: The folder of spaces isn't writable.
    """
    import filelock

    mine = (os.getpid(), folder)
    held = _locks.get(mine)
    if held is not None:
        return WritingRight(_numbers[mine], held)
    number = 0
    with disk.writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        while True:
            lock = filelock.FileLock(folder.with_name(f".{folder.name}.{number}.lock"))
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                number += 1
                continue
            _locks[mine], _numbers[mine] = lock, number
            return WritingRight(number, lock)
