"""Rows on disk that are read in any order: what lets a training set be larger than memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray


class SpooledRow(NamedTuple):
    """A query with one document, as it is trained on; texts are without prompts."""

    record_id: str
    """Number of its row, with + and the place of the document where the row has several."""

    query: str
    positive: str
    negatives: tuple[str, ...] = ()

    score: float | None = None
    """Score of the pair, for losses over scored pairs."""

    weight: float = 1.0
    """Weight of the pair, for losses with weights."""

    group: str = ""
    """What keeps it apart from others in a batch besides its document; "" for nothing."""

    def is_of(self, rows: frozenset[str]) -> bool:
        """Return whether it is from one of these rows."""
        return self.record_id.partition("+")[0] in rows


class Spool:
    """A file of rows with the offset of each: 8 bytes of memory per row."""

    def __init__(self, path: Path, rows: Iterable[SpooledRow]) -> None:
        """Write all rows."""
        import numpy as np

        offsets = []
        with path.open("wb") as file:
            for row in rows:
                offsets.append(file.tell())
                file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        self.offsets: NDArray[np.int64] = np.array(offsets, dtype=np.int64)
        self._path = path
        self._file = path.open("rb")

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink()

    def __len__(self) -> int:
        return len(self.offsets)

    def __iter__(self) -> Iterator[SpooledRow]:
        """Yield all rows, in the order of writing."""
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: int) -> SpooledRow:
        """Return one row."""
        self._file.seek(int(self.offsets[place]))
        record_id, query, positive, negatives, score, weight, group = strict_json.loads(self._file.readline().decode())
        return SpooledRow(record_id, query, positive, tuple(negatives), score, weight, group)
