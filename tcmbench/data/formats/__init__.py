"""Formats of training and retrieval data used by other tools, one file per format.

A format holds *rows* (a query with its texts, streamed, so that a file may be larger than memory) or a
*collection* (texts with ids, judged per split). Its module has

- `HOLDS`: "rows" or "collection",
- `KEEPS`: the optional parts that the format can represent,
- `read(path)`: the rows, one at a time, or the collection,
- `write(rows_or_collection, path)`: writes the file atomically.

Bad lines are all reported, in one BadLines, after the last line has been read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Holds = Literal["rows", "collection"]

Part = Literal[
    "query_id", "negatives", "grades", "weights", "score", "system", "title", "splits", "patient_id", "disease",
    "unjudged_queries", "unjudged_documents",
]  # fmt: skip
"""Optional parts of a row or collection, beyond a query and its positives."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A query with its positives and negatives."""

    query: str

    positives: tuple[str, ...]

    negatives: tuple[str, ...] = ()

    query_id: str = ""

    grades: tuple[float, ...] = ()
    """Relevance of each positive; () when all are equal."""

    weights: tuple[float, ...] = ()
    """Training weight of each positive and then each negative; () when all are equal."""

    score: float | None = None
    """Target similarity, for losses over scored pairs."""

    system: str = ""
    """Instruction of a reranker, where it differs from the model's own."""

    group: str = ""
    """Value of the column that keeps queries apart in batches; "" for none."""

    unread: tuple[str, ...] = field(default=(), compare=False)
    """Keys of its lines that its format doesn't define, once per line."""

    where: str = field(default="", compare=False)
    """File and line it comes from, or file and query, for messages; "" for a generated row."""

    def place(self, target: Path, number: int) -> str:
        """Return its location for messages: in the source, else in the target."""
        who = f" (query {self.query_id})" if self.query_id else ""
        return f"{self.where}: the row" if self.where else f"{target}: row {number}{who}"


class Document(NamedTuple):
    """One text of a corpus."""

    text: str
    title: str = ""

    def full_text(self) -> str:
        """Return title and text, as they are encoded; a text without title is unchanged."""
        return f"{self.title} {self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Collection:
    """Queries and documents by id, with judgements."""

    queries: Mapping[str, str]

    corpus: Mapping[str, Document]

    qrels: Mapping[str, Mapping[str, Mapping[str, int]]]
    """Split -> query id -> document id -> grade; 0 is a judged negative."""

    patients: Mapping[str, str] = field(default_factory=dict)
    """Query id -> patient, where the data names one."""

    diseases: Mapping[str, str] = field(default_factory=dict)
    """Query id -> disease, where the data names one."""

    where: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Query id -> file and line, for messages, where it was built from rows."""

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Query id -> values of the column that keeps queries apart in batches, where one is named."""

    def answered(self, split: str) -> dict[str, dict[str, int]]:
        """Return the judgements of the queries with a relevant document."""
        judged = self.qrels[split].items()
        return {query: dict(grades) for query, grades in judged if any(grade > 0 for grade in grades.values())}


class RowFormat(Protocol):
    """A format that holds rows."""

    KEEPS: frozenset[Part]

    def read(self, path: Path) -> Iterator[TrainingRow]:
        """Yield the rows of a file in order."""
        ...

    def write(self, rows: Iterable[TrainingRow], path: Path) -> None:
        """Write the rows in order."""
        ...


class CollectionFormat(Protocol):
    """A format that holds a collection."""

    KEEPS: frozenset[Part]

    def read(self, path: Path) -> Collection:
        """Return the collection in a file or folder."""
        ...

    def write(self, collection: Collection, path: Path) -> None:
        """Write the collection."""
        ...


class Gathered(NamedTuple):
    """Rows as a collection, with the changes made."""

    collection: Collection

    merged: int
    """Rows with the query of an earlier row."""

    rounded: int
    """Grades that were not whole numbers, or below 1."""


def rows_of(collection: Collection, *, where: Path | str = "") -> Iterator[TrainingRow]:
    """Yield one row per query of a collection with one split, positives by descending grade.

    Raises:
        DataError: The collection has several splits: test queries must not get into a training file.
    """
    for query_id, judged in collection.qrels[only_split(collection, where=where)].items():
        ranked = sorted((d for d, grade in judged.items() if grade > 0), key=lambda d: -judged[d])
        grades = tuple(float(judged[d]) for d in ranked)
        yield TrainingRow(
            query=collection.queries[query_id],
            positives=tuple(collection.corpus[d].full_text() for d in ranked),
            negatives=tuple(collection.corpus[d].full_text() for d, grade in judged.items() if grade <= 0),
            query_id=query_id,
            grades=() if set(grades) <= {1.0} else grades,
            where=f"{where}: query {query_id}" if str(where) else "",
        )


def collect(rows: Iterable[TrainingRow], *, split: str = "train") -> Collection:
    """Return the rows as a collection; see `gather`."""
    return gather(rows, split=split).collection


class _Documents:
    """The documents of a collection, with generated ids."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._ids: dict[str, str] = {}

    def id_of(self, text: str) -> str:
        """Return the id of a text, which is added when it is new."""
        doc_id = self._ids.setdefault(text.strip(), f"d{len(self._ids)}")
        self.texts.setdefault(doc_id, text)
        return doc_id


def gather(rows: Iterable[TrainingRow], *, split: str = "train") -> Gathered:
    """Return the rows as a collection: equal texts become one document, rows of one query one query.

    Texts are equal that differ in outer white space only, as models don't read it; the first spelling is kept.
    Rows of one query are those of one id and, among those without, of one text; their ids are generated in order
    (q0, q1 …; d0, d1 …). Grades are rounded to whole numbers, at least 1; a document judged twice for one query
    has the higher grade, and counts as positive where it is positive and negative.

    Raises:
        DataError: Two rows of one id have different texts.
    """
    queries: dict[str, str] = {}
    made_up: dict[str, str] = {}
    documents = _Documents()
    qrels: dict[str, dict[str, int]] = {}
    where: dict[str, str] = {}
    groups: dict[str, tuple[str, ...]] = {}
    merged = rounded = 0
    for row in rows:
        query_id = row.query_id or made_up.setdefault(row.query.strip(), f"q{len(queries)}")
        merged += query_id in queries
        if queries.setdefault(query_id, row.query).strip() != row.query.strip():
            raise DataError(f"query id {query_id}: two rows give it different texts. Ids must be unique.")
        where.setdefault(query_id, row.where)
        if row.group and row.group not in groups.get(query_id, ()):
            groups[query_id] = (*groups.get(query_id, ()), row.group)
        judged = qrels.setdefault(query_id, {})
        grades = row.grades or (1.0,) * len(row.positives)
        rounded += sum(grade != max(1, round(grade)) for grade in grades)
        for text, grade in zip(row.positives, grades, strict=True):
            doc_id = documents.id_of(text)
            judged[doc_id] = max(1, judged.get(doc_id, 0), round(grade))
        for text in row.negatives:
            judged.setdefault(documents.id_of(text), 0)
    corpus = {doc_id: Document(text) for doc_id, text in documents.texts.items()}
    return Gathered(Collection(queries, corpus, {split: qrels}, where=where, groups=groups), merged, rounded)


def only_split(collection: Collection, *, where: Path | str = "") -> str:
    """Return the name of a collection's one split.

    Raises:
        DataError: It has several, or none.
    """
    names = list(collection.qrels)
    if len(names) != 1:
        got = ", ".join(names) or "none"
        raise DataError(f"{where}: expected one split, got {got}. Choose one with --split.")
    return names[0]
