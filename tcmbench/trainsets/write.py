"""Writing the training file and its table of rows, in large pieces at the speed of the disk."""

from __future__ import annotations

import contextlib
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.trainsets.lines import Replaced, lines_in_order
from tcmbench.trainsets.pieces import Pieces
from tcmbench.trainsets.rows import RowWriter

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path
    from types import TracebackType

    from tcmbench.data.label_map import LabelMap
    from tcmbench.trainsets.examples import Contents
    from tcmbench.trainsets.pieces import Shape


class Written(NamedTuple):
    """A written training file."""

    lines: int

    sha256: str
    """Hash of the training file."""

    negatives: Replaced
    """Counts of replaced negatives."""


def write_examples(
    contents: Contents,
    *,
    shape: Shape,
    label_map: LabelMap | None,
    seed: int,
    train: Path,
    rows: Path | None = None,
) -> Written:
    """Write the lines in training order, and the table `rows`; return size and hash."""
    pairs = contents.pairs
    pieces = Pieces(contents.texts, shape)
    replaced = Replaced()
    count = 0
    with contextlib.ExitStack() as files:
        file = files.enter_context(_HashedFile(train))
        table = None
        if rows is not None:
            table = files.enter_context(RowWriter(rows, pairs.records, pairs.knowledge, positives=pairs.positives))
        for lines in lines_in_order(contents, label_map=label_map, seed=seed, replaced=replaced):
            file.write(pieces.join(lines))
            count += len(lines.record)
            if table is not None:
                table.add(lines)
    return Written(count, file.sha256(), replaced)


class _HashedFile:
    """Writes and hashes in a separate thread while the next piece is built: both release the interpreter lock."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._hash = hashlib.sha256()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._pending: Future[None] | None = None

    def __enter__(self) -> _HashedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._wait()
        finally:
            self._thread.shutdown()
            self._file.close()

    def write(self, data: bytes) -> None:
        """Write after the previous piece is written: no more than two are in memory."""
        self._wait()
        self._pending = self._thread.submit(self._written, data)

    def sha256(self) -> str:
        """Return the hash of the bytes written."""
        return self._hash.hexdigest()

    def _wait(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def _written(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._hash.update(data)
