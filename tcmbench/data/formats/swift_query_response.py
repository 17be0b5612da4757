"""Training data of earlier versions of ms-swift: query, response and rejected_response, one positive per line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data.formats import swift

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tcmbench.data.formats import Holds, Part, TrainingRow
    from tcmbench.store import Json

HOLDS: Holds = "rows"
KEEPS: frozenset[Part] = swift.KEEPS


def read(path: Path) -> Iterator[TrainingRow]:
    """Yield the rows of a file, of this form or of messages."""
    return swift.read(path)


def write(rows: Iterable[TrainingRow], path: Path) -> None:
    """Write one line per positive.

    Raises:
        DataError: A row without positives, or rows with and without negatives in one file.
    """
    swift.write_lines(rows, path, to_lines=_lines)


def _lines(row: TrainingRow) -> Iterator[dict[str, Json]]:
    for positive in row.positives:
        line: dict[str, Json] = {"system": row.system} if row.system else {}
        line |= {"query": row.query, "response": positive}
        if row.negatives:
            line["rejected_response"] = [*row.negatives]
        if row.score is not None:
            line["label"] = row.score
        yield line
