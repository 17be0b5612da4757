"""`query/pos_doc` JSON lines: one positive per row, with hard negatives in `neg_doc` where there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data import values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats import TrainingRow, _rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tcmbench.data.formats import Holds, Part
    from tcmbench.store import Json

HOLDS: Holds = "rows"
KEEPS: frozenset[Part] = frozenset({"negatives"})


def read(path: Path) -> Iterator[TrainingRow]:
    """Yield the rows of a file; `question` is accepted for `query`, and both documents may be lists."""
    return _rows.training_rows(path, _parse)


def write(rows: Iterable[TrainingRow], path: Path) -> None:
    """Write one line per positive, each with all negatives of its row."""
    _rows.write_rows((line for row in _rows.with_positives(rows, path) for line in _lines(row)), path)


def _lines(row: TrainingRow) -> Iterator[dict[str, Json]]:
    for positive in row.positives:
        line: dict[str, Json] = {"query": row.query, "pos_doc": positive}
        if row.negatives:
            line["neg_doc"] = list(row.negatives)
        yield line


def _parse(row: Mapping[str, object]) -> TrainingRow:
    positives = values.texts(row, "pos_doc")
    if not positives:
        raise FieldProblem("pos_doc: expected a document")
    return TrainingRow(
        query=values.text(row, "query", "question"),
        positives=positives,
        negatives=values.texts(row, "neg_doc"),
        unread=values.unread(row, "query" if "query" in row else "question", "pos_doc", "neg_doc"),
    )
