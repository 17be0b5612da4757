"""BEIR folders: corpus.jsonl, queries.jsonl and one qrels/<split>.tsv a split."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data.fields import FieldProblem, identifier
from tcmbench.data.formats import Collection, Document, _rows
from tcmbench.data.lines import Problem, clean, describe, read_text
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

_LAYOUT = "A BEIR folder holds corpus.jsonl, queries.jsonl and qrels/<split>.tsv."
_QUERY_COLUMNS = frozenset({"query-id", "query_id", "qid", "query"})
"""What the first column is called, where a file has a header."""
_COLUMNS = 3
_COLUMNS_TREC = 4


class _Judgement(NamedTuple):
    query_id: str
    doc_id: str
    grade: int


def read(path: Path) -> Collection:
    """Return the collection in a folder, with every split of qrels/; a grade of 0 is a judged negative.

    Raises:
        DataAbsent: A file is not there.
        BadLines: Lines that can't be read, repeated ids, judgements of unknown ids; of all files.
    """
    problems: list[str] = []
    corpus = _read_texts(_rows_file(path, "corpus"), problems)
    queries = {key: doc.full_text() for key, doc in _read_texts(_rows_file(path, "queries"), problems).items()}
    files = sorted((path / "qrels").glob("*.tsv"))
    if not files:
        raise DataAbsent(path / "qrels" / "test.tsv", what="A file of judgements", how=_LAYOUT)
    qrels = {file.stem: _read_qrels(file, queries, corpus, problems) for file in files}
    if problems:
        raise BadLines(problems, advice=_rows.ADVICE)
    return Collection(queries, corpus, qrels)


def write(collection: Collection, path: Path) -> None:
    """Write the folder; the judgements last, so that a folder with judgements is whole.

    Raises:
        DataError: The folder already holds files, or an id can't stand in a table.
    """
    _rows.require_empty(path)
    for key in (*collection.queries, *collection.corpus, *collection.qrels):
        if not key or any(character in key for character in "\t\r\n"):
            raise DataError(f"{path}: id {key!r} can't stand in a table: it is empty or holds a tab or line end.")
    _rows.write_rows(_corpus_lines(collection), path / "corpus.jsonl")
    _rows.write_rows(
        ({"_id": query_id, "text": text} for query_id, text in collection.queries.items()), path / "queries.jsonl"
    )
    for split, judged in collection.qrels.items():
        lines = [f"{q}\t{d}\t{grade}\n" for q, grades in judged.items() for d, grade in grades.items()]
        write_text(path / "qrels" / f"{split}.tsv", "".join(["query-id\tcorpus-id\tscore\n", *lines]))


def is_header(cells: Sequence[str]) -> bool:
    """Return whether the first line of a file of judgements names its columns; an id may hold "query" too."""
    return cells[0].strip().lower() in _QUERY_COLUMNS


def _rows_file(path: Path, name: str) -> Path:
    for file in (path / f"{name}.jsonl", path / f"{name}.json"):
        if file.is_file():
            return file
    raise DataAbsent(path / f"{name}.jsonl", what=f"The file of the {name}", how=_LAYOUT)


def _corpus_lines(collection: Collection) -> Iterator[Mapping[str, Json]]:
    for doc_id, document in collection.corpus.items():
        yield {"_id": doc_id, "title": document.title, "text": document.text}


def _read_texts(path: Path, problems: list[str]) -> dict[str, Document]:
    found: dict[str, Document] = {}

    def add(row: Mapping[str, object]) -> None:
        key, document = _parse_text(row)
        if key in found:
            raise FieldProblem(f"{key}: a second text of this id")
        found[key] = document

    try:
        for _ in _rows.parsed(path, add):
            pass
    except BadLines as bad:
        problems += bad.problems
    return found


def _parse_text(row: Mapping[str, object]) -> tuple[str, Document]:
    key = identifier(row, ("_id", "id"))
    if not key:
        raise FieldProblem("expected an _id")
    values = {name: row.get(name) or "" for name in ("title", "text")}
    for name, value in values.items():
        if not isinstance(value, str):
            raise FieldProblem(f"{key}: {name}: expected text, got {type(value).__name__}")
    document = Document(text=clean(str(values["text"]), strip=False), title=clean(str(values["title"])))
    if not document.full_text().strip():
        raise FieldProblem(f"{key}: no text")
    return key, document


def _read_qrels(
    path: Path, queries: Mapping[str, str], corpus: Mapping[str, Document], problems: list[str]
) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for number, line in enumerate(read_text(path).removeprefix("\ufeff").split("\n"), start=1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not line.strip() or (number == 1 and is_header(cells)):
            continue
        try:
            judgement = _parse_judgement(cells)
            _check_known(judgement, queries, corpus)
        except FieldProblem as problem:
            problems.append(describe(path, Problem(number, str(problem))))
        else:
            qrels.setdefault(judgement.query_id, {})[judgement.doc_id] = judgement.grade
    return qrels


def _check_known(judgement: _Judgement, queries: Mapping[str, str], corpus: Mapping[str, Document]) -> None:
    if judgement.query_id not in queries:
        raise FieldProblem(f"query {judgement.query_id} is not in the queries")
    if judgement.doc_id not in corpus:
        raise FieldProblem(f"document {judgement.doc_id} is not in the corpus")


def _parse_judgement(cells: list[str]) -> _Judgement:
    if len(cells) == _COLUMNS_TREC:
        cells = [cells[0], cells[2], cells[3]]
    if len(cells) != _COLUMNS:
        raise FieldProblem(f"expected query id, document id, grade between tabs; got {len(cells)} columns")
    try:
        grade = float(cells[2])
    except ValueError as error:
        raise FieldProblem(f"expected a grade in the last column, got {cells[2]!r}") from error
    if not grade.is_integer():
        raise FieldProblem(f"expected a whole grade, got {cells[2]}")
    return _Judgement(cells[0], cells[1], max(0, int(grade)))
