"""BEIR folders: a corpus, queries, and one file of judgements per split (Thakur et al., 2021).

The usual files are corpus.jsonl, queries.jsonl and qrels/test.tsv; each may have any format of tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data.formats import Collection, Document, _beir_texts, _qrels, _rows
from tcmbench.data.rows import ADVICE
from tcmbench.errors import BadLines, DataAbsent, DataError
from tcmbench.store import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tcmbench.data.formats import Holds, Part
    from tcmbench.data.formats._qrels import QrelsFile
    from tcmbench.store import Json

HOLDS: Holds = "collection"
KEEPS: frozenset[Part] = frozenset(
    {"query_id", "negatives", "grades", "title", "splits", "unjudged_queries", "unjudged_documents"}
)

COLUMNS = (_beir_texts.COLUMNS["corpus"], _beir_texts.COLUMNS["queries"], _qrels.COLUMNS)
"""For each file: column → its common names."""


class QrelsSplit(NamedTuple):
    """One split of a folder, as it is searched."""

    documents: dict[str, str]
    """Document id → title and text."""

    queries: dict[str, str]
    """Query id → text, of the queries that are judged."""

    judgements: QrelsFile
    """Its judgements, without problems."""


def files(path: Path, splits: Sequence[str]) -> list[Path]:
    """Return the files of these splits.

    Raises:
        DataError: There are two of one name, in different formats.
    """
    return [
        _beir_texts.find(path, "corpus"),
        _beir_texts.find(path, "queries"),
        *(_qrels.find(path, split) for split in splits),
    ]


def splits_of(path: Path) -> list[str]:
    """Return the names of the splits that have judgements, sorted."""
    return _qrels.splits(path)


def read(path: Path) -> Collection:
    """Return the collection in a folder, with every split of qrels/; a grade of 0 is a judged negative.

    Raises:
        DataAbsent: A file is missing.
        BadLines: Lines that can't be read, repeated ids, judgements of unknown ids or that contradict each other; of
            all files.
        DataError: There are two files of one name, in different formats.
    """
    corpus, queries = _beir_texts.read(path, "corpus", {}), _beir_texts.read(path, "queries", {})
    splits = splits_of(path)
    if not splits:
        raise DataAbsent(_qrels.find(path, "test"), what="A file of judgements", how=_beir_texts.LAYOUT)
    judged = {split: _qrels.read(_qrels.find(path, split), queries, corpus, {}) for split in splits}
    _refuse(corpus.problems, queries.problems, *(judgements.problems for judgements in judged.values()))
    texts = {query_id: document.full_text() for query_id, document in queries.documents.items()}
    return Collection(texts, corpus.documents, {split: judgements.qrels for split, judgements in judged.items()})


def read_split(path: Path, split: str, mapped: Mapping[str, str] | None = None) -> QrelsSplit:
    """Return one split of a folder; the files of other splits are not opened.

    Args:
        path: The folder.
        split: Name of the file of judgements.
        mapped: Column → its name, where it has another one than in `COLUMNS`.

    Raises:
        DataAbsent: A file is missing.
        BadLines: As `read`.
        DataError: No query is judged, or none has a relevant document; a file lacks a mapped column.
    """
    mapped = mapped or {}
    corpus, queries = _beir_texts.read(path, "corpus", mapped), _beir_texts.read(path, "queries", mapped)
    table = _qrels.find(path, split)
    judgements = _qrels.read(table, queries, corpus, mapped)
    _refuse(corpus.problems, queries.problems, judgements.problems)
    if not any(grade > 0 for grades in judgements.qrels.values() for grade in grades.values()):
        raise DataError(
            f"{table}: expected a relevant document for some query, got {len(judgements.qrels)} judged queries and no "
            "grade above 0, so every model would score 0. Add the judgements."
        )
    return QrelsSplit(
        documents=_texts(corpus.documents),
        queries=_texts({query_id: queries.documents[query_id] for query_id in judgements.qrels}),
        judgements=judgements,
    )


def read_texts(path: Path, name: str, mapped: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return id → title and text of the corpus or the queries of a folder, in the file's order.

    Raises:
        DataAbsent: There is no such file.
        BadLines: Lines that can't be read, and repeated ids.
        DataError: There are two files, or one lacks a mapped column.
    """
    read = _beir_texts.read(path, name, mapped or {})
    _refuse(read.problems)
    return _texts(read.documents)


def write(collection: Collection, path: Path) -> None:
    """Write the folder; the judgements last, so that a folder with judgements is complete.

    Raises:
        DataError: The folder already holds files, or an id can't be written to a table.
    """
    _rows.require_empty(path)
    for key in (*collection.queries, *collection.corpus, *collection.qrels):
        if not key or any(character in key for character in "\t\r\n"):
            raise DataError(
                f"{path}: id {key!r} can't be written to a table: it is empty or contains a tab or line end."
            )
    _rows.write_rows(_corpus_lines(collection), path / "corpus.jsonl")
    _rows.write_rows(
        ({"_id": query_id, "text": text} for query_id, text in collection.queries.items()), path / "queries.jsonl"
    )
    for split, judged in collection.qrels.items():
        lines = [f"{q}\t{d}\t{grade}\n" for q, grades in judged.items() for d, grade in grades.items()]
        write_text(path / "qrels" / f"{split}.tsv", "".join(["query-id\tcorpus-id\tscore\n", *lines]))


def _refuse(*problems: Sequence[str]) -> None:
    """Report the bad lines of all files at once.

    Raises:
        BadLines: There are any.
    """
    every = [problem for each in problems for problem in each]
    if every:
        raise BadLines(every, advice=ADVICE)


def _texts(documents: Mapping[str, Document]) -> dict[str, str]:
    return {doc_id: document.full_text().strip() for doc_id, document in documents.items()}


def _corpus_lines(collection: Collection) -> Iterator[Mapping[str, Json]]:
    for doc_id, document in collection.corpus.items():
        yield {"_id": doc_id, "title": document.title, "text": document.text}
