"""Training data of ms-swift 4.6 for rerankers: as for embeddings, with the documents as the assistant's turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data.formats import swift

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tcmbench.data.formats import Holds, Part, TrainingRow

HOLDS: Holds = "rows"
KEEPS: frozenset[Part] = swift.KEEPS


def read(path: Path) -> Iterator[TrainingRow]:
    """Yield the rows of a file, of this form or of the older query/response/rejected_response."""
    return swift.read(path)


def write(rows: Iterable[TrainingRow], path: Path) -> None:
    """Write one line per positive for reranker training.

    Raises:
        DataError: A row without positives, or rows with and without negatives in one file.
    """
    swift.write_messages(rows, path, role="assistant")
