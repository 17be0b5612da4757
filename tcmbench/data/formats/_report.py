"""What a conversion tells: how much was converted, and what did not come along."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.data.formats import Collection, Part, TrainingRow


class Conversion(NamedTuple):
    """What was converted, and what the new format could not hold."""

    rows: int
    """Rows, or queries with a judgement."""

    lost: Mapping[Part, int]
    """Rows that had the part, by part that was lost."""

    merged: int = 0
    """Rows that became part of an earlier row's query."""

    rounded: int = 0
    """Grades that the new format holds as whole numbers, and that were none."""

    unread: Mapping[str, int] = MappingProxyType({})
    """Lines that had the key, by key that the old format has no meaning for."""

    def __str__(self) -> str:
        """Return it in words."""
        said = [f"{self.rows:,} rows"]
        if self.merged:
            said.append(f"{self.merged:,} of them merged with an earlier row of the same query")
        if self.lost:
            said.append(f"the format has no place for: {_counted(self.lost)}")
        if self.rounded:
            said.append(f"grades rounded to whole numbers: {self.rounded:,}")
        if self.unread:
            said.append(f"keys that the source's format doesn't have: {_counted(self.unread)}")
        return "; ".join(said)


def parts(row: TrainingRow) -> list[Part]:
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


def collection_parts(collection: Collection) -> Counter[Part]:
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
    counts.update(beside_the_rows(collection))
    return counts


def beside_the_rows(collection: Collection) -> Counter[Part]:
    """Return how many judged queries of a collection have what no row can hold, and what no row is made of.

    A patient by the name of the query's id isn't counted: who keeps the id keeps the patient.
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


def _counted(counts: Mapping[Part, int] | Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items())
