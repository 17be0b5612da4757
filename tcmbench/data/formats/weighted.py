"""`query/doc/rel/weight` JSON lines: one judged pair per line, with the lines of one query in any place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data import values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats import TrainingRow, _rows
from tcmbench.data.rows import numbered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tcmbench.data.formats import Holds, Part
    from tcmbench.store import Json

HOLDS: Holds = "rows"
KEEPS: frozenset[Part] = frozenset({"negatives", "grades", "weights"})


class _Pair(NamedTuple):
    query: str
    document: str
    relevance: float
    weight: float
    unread: tuple[str, ...]


def read(path: Path) -> Iterator[TrainingRow]:
    """Yield one row per query, in the order of their first lines; `rel` 0 is a negative, `weight` may be missing.

    The file is read whole, since the last line may hold the first query's positive. Negatives keep their weights;
    grades and weights that are all 1 are left out.
    """
    queries: dict[str, list[_Pair]] = {}
    lines: dict[str, int] = {}
    for line, pair in numbered(path, _parse):
        queries.setdefault(pair.query, []).append(pair)
        lines.setdefault(pair.query, line)
    for query, pairs in queries.items():
        yield _row(query, pairs, where=f"{path}:{lines[query]}")


def write(rows: Iterable[TrainingRow], path: Path) -> None:
    """Write one line per document, positives first."""
    _rows.write_rows((line for row in rows for line in _lines(row)), path)


def _parse(row: Mapping[str, object]) -> _Pair:
    pair = _Pair(
        query=values.text(row, "query"),
        document=values.text(row, "doc"),
        relevance=values.number(row, "rel"),
        weight=values.number(row, "weight", default=1.0),
        unread=values.unread(row, "query", "doc", "rel", "weight"),
    )
    if pair.relevance < 0 or pair.weight < 0:
        raise FieldProblem("rel and weight: expected 0 or more, got a negative number")
    return pair


def _row(query: str, pairs: list[_Pair], *, where: str) -> TrainingRow:
    positives = [pair for pair in pairs if pair.relevance > 0]
    negatives = [pair for pair in pairs if pair.relevance == 0]
    grades = tuple(pair.relevance for pair in positives)
    weights = tuple(pair.weight for pair in positives + negatives)
    return TrainingRow(
        query=query,
        positives=tuple(pair.document for pair in positives),
        negatives=tuple(pair.document for pair in negatives),
        grades=() if set(grades) <= {1.0} else grades,
        weights=() if set(weights) <= {1.0} else weights,
        unread=tuple(key for pair in pairs for key in pair.unread),
        where=where,
    )


def _lines(row: TrainingRow) -> Iterator[dict[str, Json]]:
    documents = row.positives + row.negatives
    grades = (row.grades or (1.0,) * len(row.positives)) + (0.0,) * len(row.negatives)
    weights = row.weights or (1.0,) * len(documents)
    for document, grade, weight in zip(documents, grades, weights, strict=True):
        yield {"query": row.query, "doc": document, "rel": grade, "weight": weight}
