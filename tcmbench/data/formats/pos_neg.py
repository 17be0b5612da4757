"""`query/pos/neg` JSON lines, the format of FlagEmbedding and many training scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data import values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats import TrainingRow, _rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tcmbench.data.formats import Holds, Part

HOLDS: Holds = "rows"
KEEPS: frozenset[Part] = frozenset({"negatives"})


def read(path: Path) -> Iterator[TrainingRow]:
    """Yield the rows of a file; `pos` and `neg` may be lists or single texts, `neg` may be missing."""
    return _rows.training_rows(path, _parse)


def write(rows: Iterable[TrainingRow], path: Path) -> None:
    """Write each row as `{"query": …, "pos": […], "neg": […]}`."""
    _rows.write_rows(
        (
            {"query": row.query, "pos": list(row.positives), "neg": list(row.negatives)}
            for row in _rows.with_positives(rows, path)
        ),
        path,
    )


def _parse(row: Mapping[str, object]) -> TrainingRow:
    positives = values.texts(row, "pos")
    if not positives:
        raise FieldProblem("pos: expected at least one positive")
    return TrainingRow(
        query=values.text(row, "query"),
        positives=positives,
        negatives=values.texts(row, "neg"),
        unread=values.unread(row, "query", "pos", "neg"),
    )
