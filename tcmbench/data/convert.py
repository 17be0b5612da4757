"""Conversion between formats, with a report of what was converted and what was lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, cast

from tcmbench import plugins
from tcmbench.data.formats import gather, only_split, rows_of
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tcmbench.data.formats import Collection, CollectionFormat, Part, RowFormat, TrainingRow


class Conversion(NamedTuple):
    """What was converted, and what the target format could not represent."""

    rows: int
    """Rows, or queries with a judgement."""

    lost: Mapping[Part, int]
    """Lost part → rows that had it."""

    merged: int = 0
    """Rows that were merged with an earlier row of the same query."""

    rounded: int = 0
    """Grades that were rounded, as the target format has whole numbers only."""

    unread: Mapping[str, int] = MappingProxyType({})
    """Key that the source format doesn't define → lines that had it."""

    def __str__(self) -> str:
        """Return it as a sentence."""
        parts = [f"{self.rows:,} rows"]
        if self.merged:
            parts.append(f"{self.merged:,} of them merged with an earlier row of the same query")
        if self.lost:
            parts.append(f"not supported by the format: {_counted(self.lost)}")
        if self.rounded:
            parts.append(f"grades rounded to whole numbers: {self.rounded:,}")
        if self.unread:
            parts.append(f"keys that the source format doesn't define: {_counted(self.unread)}")
        return "; ".join(parts)


def convert(
    source: Path, target: Path, *, source_format: str, target_format: str, split: str | None = None
) -> Conversion:
    """Write the data of one format in another; rows are streamed, and those of one query merged in a collection.

    Args:
        source: File or folder to read.
        target: File or folder to write.
        source_format: Name of a format.
        target_format: Name of a format.
        split: Split to convert, where the source has several; None converts all if the target has splits too.

    Raises:
        UnknownName: No such format.
        BadLines: The source has lines that can't be read; nothing was written.
        DataError: Several splits and a target without splits, a missing split, or a row with a score and a
            target without scores: a pair with score 0 would become a positive. Nothing was written.
    """
    reader = plugins.load("formats", source_format)
    writer = plugins.load("formats", target_format)
    tally = _ConversionTally(source, target_format, writer.KEEPS)
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
            tally.parts.update(_beside_the_rows(collection))
            cast("RowFormat", writer).write(tally.watch(rows_of(collection, where=source)), target)
        else:
            if "splits" not in writer.KEEPS:
                only_split(collection, where=source)
            tally.total = sum(len(judged) for judged in collection.qrels.values())
            tally.parts.update(_collection_parts(collection))
            cast("CollectionFormat", writer).write(collection, target)
    return tally.conversion()


@dataclass
class _ConversionTally:
    """Counts of a conversion in progress."""

    source: Path
    target_format: str
    keeps: frozenset[Part]
    total: int = 0
    parts: Counter[Part] = field(default_factory=Counter)
    merged: int = 0
    rounded: int = 0
    unread: Counter[str] = field(default_factory=Counter)

    def watch(self, rows: Iterable[TrainingRow]) -> Iterator[TrainingRow]:
        """Yield the rows and count them; a row whose score would be lost is an error."""
        for row in rows:
            self.total += 1
            if row.score is not None and "score" not in self.keeps:
                raise _scored(row, row.where or f"{self.source}: row {self.total}", self.target_format)
            self.parts.update(_parts(row))
            self.unread.update(row.unread)
            yield row

    def conversion(self) -> Conversion:
        """Return the summary of the conversion."""
        lost = {part: n for part, n in sorted(self.parts.items()) if n and part not in self.keeps}
        # Without grades in the target all of them are lost, rounded or not.
        rounded = self.rounded if "grades" in self.keeps else 0
        return Conversion(
            self.total, lost, merged=self.merged, rounded=rounded, unread=dict(sorted(self.unread.items()))
        )


def _parts(row: TrainingRow) -> list[Part]:
    """Return the optional parts that a row has."""
    present: dict[Part, bool] = {
        "query_id": bool(row.query_id),
        "negatives": bool(row.negatives),
        "grades": bool(row.grades),
        "weights": bool(row.weights),
        "score": row.score is not None,
        "system": bool(row.system),
    }
    return [part for part, there in present.items() if there]


def _collection_parts(collection: Collection) -> Counter[Part]:
    """Return how many judged queries (titles: documents) of a collection have each optional part."""
    judged = [grades for split in collection.qrels.values() for grades in split.values()]
    counts: Counter[Part] = Counter(
        {
            "query_id": len(judged),
            "negatives": sum(0 in grades.values() for grades in judged),
            "grades": sum(any(grade > 1 for grade in grades.values()) for grades in judged),
            "title": sum(bool(document.title) for document in collection.corpus.values()),
        }
    )
    counts.update(_beside_the_rows(collection))
    return counts


def _beside_the_rows(collection: Collection) -> Counter[Part]:
    """Return how many judged queries of a collection have parts that rows can't represent.

    A patient named like the query's id isn't counted, as the id preserves it.
    """
    judged = {query_id for split in collection.qrels.values() for query_id, grades in split.items() if grades}
    documents = {doc_id for split in collection.qrels.values() for grades in split.values() for doc_id in grades}
    return Counter(
        {
            "patient_id": sum(collection.patients.get(query_id, query_id) != query_id for query_id in judged),
            "disease": sum(query_id in collection.diseases for query_id in judged),
            "unjudged_queries": sum(query_id not in judged for query_id in collection.queries),
            "unjudged_documents": sum(doc_id not in documents for doc_id in collection.corpus),
        }
    )


def _chosen(collection: Collection, split: str | None, source: Path) -> Collection:
    if split is None:
        return collection
    if split not in collection.qrels:
        raise DataError(f"{source}: no split {split!r}. Existing: {', '.join(collection.qrels) or 'none'}.")
    judged = collection.qrels[split]
    queries = {query_id: collection.queries[query_id] for query_id in judged}
    return replace(collection, queries=queries, qrels={split: judged})


def _scored(row: TrainingRow, where: str, target_format: str) -> DataError:
    keeping = [name for name in plugins.names("formats") if "score" in plugins.load("formats", name).KEEPS]
    return DataError(
        f"{where}: expected a pair without a score, as {target_format} doesn't support scores and would turn the pair "
        f"into a positive; got score {row.score:g}. Convert to a format with scores ({', '.join(keeping)}), or remove "
        "the scores if all pairs are positives."
    )


def _counted(counts: Mapping[Part, int] | Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items())
