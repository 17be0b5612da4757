"""Training and retrieval data as other tools keep it, one file a format.

A format holds *rows* (a query with its texts, streamed, so that a file may be larger than memory) or a
*collection* (texts with ids, judged per split). Its module has

- `HOLDS`: "rows" or "collection",
- `KEEPS`: which of the optional parts survive being written,
- `read(path)`: the rows, one at a time, or the collection,
- `write(rows_or_collection, path)`: the file, all of it or nothing.

Bad lines are all named, in one BadLines, once the last line has been read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast

from tcmbench import plugins
from tcmbench.data.formats._report import Conversion, beside_the_rows, collection_parts, parts
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Holds = Literal["rows", "collection"]

Part = Literal[
    "query_id", "negatives", "grades", "weights", "score", "system", "title", "splits", "patient_id", "disease",
    "unjudged_queries", "unjudged_documents",
]  # fmt: skip
"""What a row or collection may have beyond a query and its positives."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A query, what answers it, and what does not."""

    query: str

    positives: tuple[str, ...]

    negatives: tuple[str, ...] = ()

    query_id: str = ""

    grades: tuple[float, ...] = ()
    """How well each positive answers; () when all alike."""

    weights: tuple[float, ...] = ()
    """How much each positive and then each negative counts in training; () when all alike."""

    score: float | None = None
    """Similarity to be learnt, for losses over scored pairs."""

    system: str = ""
    """Instruction of a reranker, where it differs from the model's own."""

    unread: tuple[str, ...] = field(default=(), compare=False)
    """Keys of its lines that its format has no meaning for, once a line."""

    where: str = field(default="", compare=False)
    """File and line it comes from, or file and query, for messages about it; "" where it was made."""

    def place(self, target: Path, number: int) -> str:
        """Return what to call it in a message: where it comes from, else what row of the target it would be."""
        who = f" (query {self.query_id})" if self.query_id else ""
        return f"{self.where}: the row" if self.where else f"{target}: row {number}{who}"


class Document(NamedTuple):
    """One text of a corpus."""

    text: str
    title: str = ""

    def full_text(self) -> str:
        """Return title and text, as they are encoded; a text without title is left as it is."""
        return f"{self.title} {self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Collection:
    """Queries and documents by id, and who answers whom."""

    queries: Mapping[str, str]

    corpus: Mapping[str, Document]

    qrels: Mapping[str, Mapping[str, Mapping[str, int]]]
    """Split -> query id -> document id -> grade; 0 is a judged negative."""

    patients: Mapping[str, str] = field(default_factory=dict)
    """Query id -> patient, where the data names one."""

    diseases: Mapping[str, str] = field(default_factory=dict)
    """Query id -> disease, where the data names one."""

    where: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Query id -> file and line, for messages, where it was gathered from rows."""


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
    """Rows as a collection, and what that took."""

    collection: Collection

    merged: int
    """Rows whose query an earlier row had."""

    rounded: int
    """Grades that were no whole numbers, or below 1."""


def convert(
    source: Path, target: Path, *, source_format: str, target_format: str, split: str | None = None
) -> Conversion:
    """Write what one format holds in another; rows are streamed, and those of one query merged in a collection.

    Args:
        source: File or folder to read.
        target: File or folder to write.
        source_format: Name of a format.
        target_format: Name of a format.
        split: Split to convert, where the source has several; None converts all if the target has splits too.

    Raises:
        UnknownName: No such format.
        BadLines: The source has lines that can't be read; nothing was written.
        DataError: Several splits and a target without splits, a split that is not there, or a row with a score and a
            target without scores: a pair that is scored 0 would be taught as a positive. Nothing was written.
    """
    reader = plugins.load("formats", source_format)
    writer = plugins.load("formats", target_format)
    tally = _Tally(source, target_format, writer.KEEPS)
    if reader.HOLDS == "rows":
        if split is not None:
            raise DataError(f"{source}: --split {split}: {source_format} files have no splits. Leave it out.")
        rows = tally.watch(cast("RowFormat", reader).read(source))
        if writer.HOLDS == "rows":
            cast("RowFormat", writer).write(rows, target)
        else:
            gathered = gather(rows)
            tally.merged, tally.rounded = gathered.merged, gathered.rounded
            cast("CollectionFormat", writer).write(gathered.collection, target)
    else:
        collection = _chosen(cast("CollectionFormat", reader).read(source), split, source)
        if writer.HOLDS == "rows":
            tally.parts.update(beside_the_rows(collection))
            cast("RowFormat", writer).write(tally.watch(rows_of(collection, where=source)), target)
        else:
            if "splits" not in writer.KEEPS:
                only_split(collection, where=source)
            tally.total = sum(len(judged) for judged in collection.qrels.values())
            tally.parts.update(collection_parts(collection))
            cast("CollectionFormat", writer).write(collection, target)
    return tally.conversion()


@dataclass
class _Tally:
    """Counts of a conversion under way."""

    source: Path
    target_format: str
    keeps: frozenset[Part]
    total: int = 0
    parts: Counter[Part] = field(default_factory=Counter)
    merged: int = 0
    rounded: int = 0
    unread: Counter[str] = field(default_factory=Counter)

    def watch(self, rows: Iterable[TrainingRow]) -> Iterator[TrainingRow]:
        """Yield the rows and count them; refuse one with a score that would be lost."""
        for row in rows:
            self.total += 1
            if row.score is not None and "score" not in self.keeps:
                raise _scored(row, row.where or f"{self.source}: row {self.total}", self.target_format)
            self.parts.update(parts(row))
            self.unread.update(row.unread)
            yield row

    def conversion(self) -> Conversion:
        """Return what is told of it."""
        lost = {part: n for part, n in sorted(self.parts.items()) if n and part not in self.keeps}
        # Where no grades are kept, all of them are lost, rounded or not.
        rounded = self.rounded if "grades" in self.keeps else 0
        return Conversion(
            self.total, lost, merged=self.merged, rounded=rounded, unread=dict(sorted(self.unread.items()))
        )


def rows_of(collection: Collection, *, where: Path | str = "") -> Iterator[TrainingRow]:
    """Yield one row a query of a collection with one split, positives by falling grade.

    Raises:
        DataError: The collection has several splits: test queries must not slip into a training file.
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
    """Return the rows as a collection; `gather` says how."""
    return gather(rows, split=split).collection


def gather(rows: Iterable[TrainingRow], *, split: str = "train") -> Gathered:
    """Return the rows as a collection: equal texts become one document, rows of one query one query.

    Rows of one query are those of one id and, among those without, of one text; their ids are made up in order
    (q0, q1 …; d0, d1 …). Grades are rounded to whole numbers, at least 1; a document judged twice for one query
    has the higher grade, and counts as positive where it is positive and negative.

    Raises:
        DataError: Two rows of one id have different texts.
    """
    queries: dict[str, str] = {}
    made_up: dict[str, str] = {}
    ids: dict[str, str] = {}
    qrels: dict[str, dict[str, int]] = {}
    where: dict[str, str] = {}
    merged = rounded = 0
    for row in rows:
        query_id = row.query_id or made_up.setdefault(row.query, f"q{len(queries)}")
        merged += query_id in queries
        if queries.setdefault(query_id, row.query) != row.query:
            raise DataError(f"query id {query_id}: two rows give it different texts. Ids must be unique.")
        where.setdefault(query_id, row.where)
        judged = qrels.setdefault(query_id, {})
        grades = row.grades or (1.0,) * len(row.positives)
        rounded += sum(grade != max(1, round(grade)) for grade in grades)
        for text, grade in zip(row.positives, grades, strict=True):
            doc_id = ids.setdefault(text, f"d{len(ids)}")
            judged[doc_id] = max(1, judged.get(doc_id, 0), round(grade))
        for text in row.negatives:
            judged.setdefault(ids.setdefault(text, f"d{len(ids)}"), 0)
    corpus = {doc_id: Document(text) for text, doc_id in ids.items()}
    return Gathered(Collection(queries, corpus, {split: qrels}, where=where), merged, rounded)


def only_split(collection: Collection, *, where: Path | str = "") -> str:
    """Return the name of a collection's one split.

    Raises:
        DataError: It has several, or none.
    """
    names = list(collection.qrels)
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise DataError(f"{where}: expected one split, got {found}. Choose one with --split.")
    return names[0]


def _chosen(collection: Collection, split: str | None, source: Path) -> Collection:
    if split is None:
        return collection
    if split not in collection.qrels:
        raise DataError(f"{source}: no split {split!r}. Here: {', '.join(collection.qrels) or 'none'}.")
    judged = collection.qrels[split]
    queries = {query_id: collection.queries[query_id] for query_id in judged}
    return replace(collection, queries=queries, qrels={split: judged})


def _scored(row: TrainingRow, where: str, target_format: str) -> DataError:
    keeping = [name for name in plugins.names("formats") if "score" in plugins.load("formats", name).KEEPS]
    return DataError(
        f"{where}: expected a pair without a score, as {target_format} has no place for one and would make a positive "
        f"of it; got score {row.score:g}. Convert to a format that keeps scores ({', '.join(keeping)}), or take the "
        "scores out where all pairs are positives."
    )
