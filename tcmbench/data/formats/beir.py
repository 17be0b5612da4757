"""BEIR folders: corpus.jsonl, queries.jsonl and one qrels/<split>.tsv per split (Thakur et al., 2021)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data import reading, values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats import Collection, Document, _rows
from tcmbench.data.lines import LineProblem, clean, describe, read_text
from tcmbench.data.rows import ADVICE, numbered
from tcmbench.errors import BadLines, DataAbsent, DataError
from tcmbench.store import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tcmbench.data.formats import Holds, Part
    from tcmbench.store import Json

HOLDS: Holds = "collection"
KEEPS: frozenset[Part] = frozenset(
    {"query_id", "negatives", "grades", "title", "splits", "unjudged_queries", "unjudged_documents"}
)

_LAYOUT = "A BEIR folder contains corpus.jsonl, queries.jsonl and qrels/<split>.tsv."
_QUERY_COLUMNS = frozenset({"query-id", "query_id", "qid", "query"})
"""Names of the first column, where a file has a header."""
_GRADE_COLUMNS = frozenset({"score", "grade", "rel", "relevance", "label"})
"""Names of the last column."""
_COLUMNS = 3
_COLUMNS_TREC = 4
_LONGEST_SHOWN = 80
_GRADE = re.compile(r"[+-]?[0-9]{1,6}(?:\.0*)?")


class QrelsFile(NamedTuple):
    """The content of a file of judgements."""

    qrels: dict[str, dict[str, int]]
    """Query id → document id → grade (> 0 is relevant), in the file's order."""

    repeats: int
    """Lines that repeat an earlier line."""

    problems: list[str]
    """Its bad lines."""


class QrelsSplit(NamedTuple):
    """One split of a folder, as it is searched."""

    documents: dict[str, str]
    """Document id → title and text."""

    queries: dict[str, str]
    """Query id → text, of the queries that are judged."""

    judgements: QrelsFile
    """Its judgements, without problems."""


class _Texts(NamedTuple):
    path: Path
    documents: dict[str, Document]
    numbers: list[str]
    """Ids that are numbers in the file."""

    def require(self, doc_id: str, what: str) -> None:
        if doc_id not in self.documents:
            hint = f", where _id is a number, such as {self.numbers[0]}" if self.numbers else ""
            raise FieldProblem(f"{what} {_shown(doc_id)} is not in {self.path.name}{hint}")


class _Judgement(NamedTuple):
    query_id: str
    doc_id: str
    grade: int


def files(path: Path, splits: Sequence[str]) -> list[Path]:
    """Return the files of these splits; texts may also be in .json files."""
    return [_texts_file(path, "corpus"), _texts_file(path, "queries"), *(_qrels_file(path, split) for split in splits)]


def read(path: Path) -> Collection:
    """Return the collection in a folder, with every split of qrels/; a grade of 0 is a judged negative.

    Raises:
        DataAbsent: A file is missing.
        BadLines: Lines that can't be read, repeated ids, judgements of unknown ids or that contradict each other; of
            all files.
    """
    corpus, queries, problems = _read_both(path)
    tables = [file for file in reading.files_in(path / "qrels") if file.suffix == ".tsv"]
    if not tables:
        raise DataAbsent(path / "qrels" / "test.tsv", what="A file of judgements", how=_LAYOUT)
    judged = {file.stem: _read_qrels(file, queries, corpus) for file in tables}
    problems += [problem for judgements in judged.values() for problem in judgements.problems]
    if problems:
        raise BadLines(problems, advice=ADVICE)
    texts = {query_id: document.full_text() for query_id, document in queries.documents.items()}
    return Collection(texts, corpus.documents, {split: judgements.qrels for split, judgements in judged.items()})


def read_split(path: Path, split: str) -> QrelsSplit:
    """Return one split of a folder; the files of other splits are not opened.

    Raises:
        DataAbsent: A file is missing.
        BadLines: As `read`.
        DataError: No query is judged, or none has a relevant document.
    """
    corpus, queries, problems = _read_both(path)
    table = _qrels_file(path, split)
    judgements = _read_qrels(table, queries, corpus)
    problems += judgements.problems
    if problems:
        raise BadLines(problems, advice=ADVICE)
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


def read_texts(path: Path, name: str) -> dict[str, str]:
    """Return id → title and text of the corpus or the queries of a folder, in the file's order.

    Raises:
        DataAbsent: There is no such file.
        BadLines: Lines that can't be read, and repeated ids.
    """
    problems: list[str] = []
    documents = _read_texts(_texts_file(path, name), problems).documents
    if problems:
        raise BadLines(problems, advice=ADVICE)
    return _texts(documents)


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


def _read_both(path: Path) -> tuple[_Texts, _Texts, list[str]]:
    """Return corpus, queries and the bad lines of both."""
    problems: list[str] = []
    corpus = _read_texts(_texts_file(path, "corpus"), problems)
    queries = _read_texts(_texts_file(path, "queries"), problems)
    return corpus, queries, problems


def _texts_file(path: Path, name: str) -> Path:
    other = path / f"{name}.json"
    with reading.refusals(path):
        return other if other.is_file() and not other.with_suffix(".jsonl").is_file() else path / f"{name}.jsonl"


def _qrels_file(path: Path, split: str) -> Path:
    return path / "qrels" / f"{split}.tsv"


def _texts(documents: Mapping[str, Document]) -> dict[str, str]:
    return {doc_id: document.full_text().strip() for doc_id, document in documents.items()}


def _corpus_lines(collection: Collection) -> Iterator[Mapping[str, Json]]:
    for doc_id, document in collection.corpus.items():
        yield {"_id": doc_id, "title": document.title, "text": document.text}


def _read_texts(path: Path, problems: list[str]) -> _Texts:
    documents: dict[str, Document] = {}
    numbers: list[str] = []

    def add(row: Mapping[str, object]) -> None:
        doc_id, document = _parse_text(row)
        if not isinstance(row.get("_id", row.get("id")), str):
            numbers.append(doc_id)
        if doc_id in documents:
            raise FieldProblem(f"{doc_id}: a second text of this id")
        documents[doc_id] = document

    if not reading.exists(path):
        raise DataAbsent(path, what=f"The file of the {path.stem}", how=_LAYOUT)
    try:
        for _ in numbered(path, add):
            pass
    except BadLines as bad:
        problems += bad.problems
    return _Texts(path, documents, numbers)


def _parse_text(row: Mapping[str, object]) -> tuple[str, Document]:
    doc_id = values.identifier(row, "_id", "id")
    for name in ("title", "text"):
        value = row.get(name)
        if not isinstance(value, str) and not values.is_missing(value):
            raise FieldProblem(f"{doc_id}: {name}: expected text, got {values.kind(value)}")
    # pandas writes NaN for an empty cell
    title, text = ("" if values.is_missing(value := row.get(name)) else str(value) for name in ("title", "text"))
    document = Document(text=clean(text, strip=False), title=clean(title))
    if not document.full_text().strip():
        what = "blank text" if text or "text" not in row else values.kind(row["text"])
        raise FieldProblem(f"{doc_id}: text: expected text, got {'no such key' if 'text' not in row else what}")
    return doc_id, document


def _read_qrels(path: Path, queries: _Texts, corpus: _Texts) -> QrelsFile:
    qrels: dict[str, dict[str, int]] = {}
    lines: dict[tuple[str, str], int] = {}
    problems: list[str] = []
    repeats = 0
    if not reading.exists(path):
        raise DataAbsent(path, what="The file of judgements", how=_LAYOUT)
    for number, line in enumerate(read_text(path).removeprefix("\ufeff").split("\n"), start=1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not line.strip() or (number == 1 and _is_header(cells, queries)):
            continue
        try:
            judgement = _parse_judgement(cells, queries, corpus)
            first = lines.setdefault(judgement[:2], number)
            judged = qrels.setdefault(judgement.query_id, {})
            _require_agreement(judgement, judged.setdefault(judgement.doc_id, judgement.grade), first=first)
            repeats += first != number
        except FieldProblem as problem:
            problems.append(describe(path, LineProblem(number, str(problem))))
    return QrelsFile(qrels, repeats, problems)


def _require_agreement(judgement: _Judgement, grade: int, *, first: int) -> None:
    if judgement.grade != grade:
        raise FieldProblem(
            f"judges query {judgement.query_id} and document {judgement.doc_id} a second time, with grade "
            f"{judgement.grade}; line {first} has grade {grade}. Keep one of the two"
        )


def _is_header(cells: Sequence[str], queries: _Texts) -> bool:
    """Return whether the first line of a file of judgements names its columns; an id may be "query" too."""
    first, last = cells[0].lower(), cells[-1].lower()
    if first not in _QUERY_COLUMNS or _GRADE.fullmatch(last):
        return False
    return last in _GRADE_COLUMNS or cells[0] not in queries.documents


def _parse_judgement(cells: Sequence[str], queries: _Texts, corpus: _Texts) -> _Judgement:
    if len(cells) == _COLUMNS_TREC:
        cells = [cells[0], cells[2], cells[3]]
    if len(cells) != _COLUMNS:
        raise FieldProblem(f"expected query id, document id, grade between tabs; got {len(cells)} columns")
    query_id, doc_id, grade = cells
    queries.require(query_id, "query")
    corpus.require(doc_id, "document")
    if not _GRADE.fullmatch(grade):
        raise FieldProblem(f"expected a whole grade of at most six digits in the last column, got {_shown(grade)!r}")
    return _Judgement(query_id, doc_id, max(0, int(float(grade))))


def _shown(cell: str) -> str:
    return cell if len(cell) <= _LONGEST_SHOWN else f"{cell[:_LONGEST_SHOWN]}…"
