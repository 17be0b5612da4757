"""Files of judgements: three columns or TREC's four, with a header or without, in any format of tables.

Grades are whole numbers, because mteb and trec_eval count whole grades: a rounded one would give another nDCG.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data import columns, delimited, reading, table_files, values
from tcmbench.data.delimited import WrittenRow
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats._beir_texts import LAYOUT, shown
from tcmbench.data.lines import LineProblem, describe, read_text
from tcmbench.errors import DataAbsent, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tcmbench.data.columns import Names
    from tcmbench.data.formats._beir_texts import BeirTexts

ENDINGS = (".tsv", ".txt", ".trec", ".qrels", ".csv", ".parquet", ".jsonl", ".json")
"""Ends of the names of files of judgements, the usual one first."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "judged_query": ("query-id", "query_id", "qid", "query"),
    "judged_document": ("corpus-id", "corpus_id", "doc-id", "doc_id", "docid", "document-id", "document_id", "document",
                        "doc", "did", "pid"),
    "grade": ("score", "grade", "rel", "relevance", "label"),
}  # fmt: skip
"""Column → its common names, in lower case."""

_COLUMNS = 3
_COLUMNS_TREC = 4
_UNUSED = frozenset({"0", "Q0"})
"""What TREC writes between query and document."""
_GRADE = re.compile(r"[+-]?[0-9]{1,6}(?:\.0*)?")

_FRACTION = re.compile(r"[+-]?[0-9]{0,6}\.[0-9]+")


class QrelsFile(NamedTuple):
    """The content of a file of judgements."""

    qrels: dict[str, dict[str, int]]
    """Query id → document id → grade (> 0 is relevant), in the file's order."""

    repeats: int
    """Lines that repeat an earlier line."""

    problems: list[str]
    """Its bad lines."""


class _Judgement(NamedTuple):
    query_id: str
    doc_id: str
    grade: int


def find(folder: Path, split: str) -> Path:
    """Return the file of the judgements of a split.

    Raises:
        DataError: There are several.
    """
    return table_files.find(folder / "qrels", split, ENDINGS)


def splits(folder: Path) -> list[str]:
    """Return the names of the splits that have judgements, sorted."""
    stems = (table_files.stem(path, ENDINGS) for path in reading.files_in(folder / "qrels"))
    return sorted({stem for stem in stems if stem})


def read(path: Path, queries: BeirTexts, corpus: BeirTexts, mapped: Mapping[str, str]) -> QrelsFile:
    """Return the judgements of a file.

    Args:
        path: The file.
        queries: BeirTexts that may be judged for.
        corpus: BeirTexts that may be judged.
        mapped: Column → its name in the file, where it has another one; those of other files are ignored.

    Raises:
        DataAbsent: There is no such file.
        DataError: It lacks a mapped column.
    """
    if not reading.exists(path):
        raise DataAbsent(path, what="The file of judgements", how=LAYOUT)
    names = columns.names(COLUMNS, {key: value for key, value in mapped.items() if key in COLUMNS})
    qrels: dict[str, dict[str, int]] = {}
    first_at: dict[tuple[str, str], int] = {}
    problems: list[str] = []
    repeats = 0
    for line in _lines(path, queries, names):
        if isinstance(line, LineProblem):
            problems.append(describe(path, line))
            continue
        try:
            judgement = _judgement(line.cells, queries, corpus)
            first = first_at.setdefault(judgement[:2], line.number)
            judged = qrels.setdefault(judgement.query_id, {})
            _require_agreement(judgement, judged.setdefault(judgement.doc_id, judgement.grade), first=first)
            repeats += first != line.number
        except FieldProblem as problem:
            problems.append(describe(path, LineProblem(line.number, str(problem))))
    return QrelsFile(qrels, repeats, problems)


def _lines(path: Path, queries: BeirTexts, names: Names) -> Iterator[WrittenRow | LineProblem]:
    """Yield query id, document id and grade of each line."""
    kind = table_files.ending(path, ENDINGS)
    if kind in table_files.ENDINGS and kind not in delimited.DELIMITERS:
        yield from _of_objects(path, names)
        return
    head: list[str] = []
    order: tuple[int, ...] = ()
    written = delimited.read_cells(path, kind) if kind == ".csv" else _of_lines(path)
    for place, line in enumerate(written):
        cells = [cell.strip() for cell in line.cells]
        if not any(cells):
            continue
        if place == 0 and (names.mapped or _is_header(cells, queries)):
            head, order = cells, _order(path, cells, names)
        elif not head and len(cells) == _COLUMNS_TREC and cells[1] not in _UNUSED:
            yield LineProblem(
                line.number,
                "expected 0 or Q0 in the second of four columns, as TREC writes it, got something else. Name the "
                f"columns in a first line: {', '.join(COLUMNS)}",
            )
        elif not order:
            yield WrittenRow(line.number, cells)
        elif len(cells) == len(head):
            yield WrittenRow(line.number, [cells[place] for place in order])
        else:
            yield LineProblem(line.number, f"expected {len(head)} columns, as in the header; got {len(cells)}")


def _of_lines(path: Path) -> Iterator[WrittenRow]:
    """Yield the cells of lines: between tabs, or in a line without tabs between spaces, as TREC writes them."""
    for number, line in enumerate(read_text(path).removeprefix("\ufeff").split("\n"), start=1):
        yield WrittenRow(number, line.split("\t") if "\t" in line else line.split())


def _of_objects(path: Path, names: Names) -> Iterator[WrittenRow | LineProblem]:
    present: dict[str, None] = {}
    for row in table_files.read_rows(path):
        if isinstance(row, LineProblem):
            yield row
            continue
        present |= dict.fromkeys(row.value)
        try:
            query, document, grade = (names.find(row.value, column) or names.of[column][0] for column in COLUMNS)
            cells = [values.identifier(row.value, query), values.identifier(row.value, document)]
            yield WrittenRow(row.number, [*cells, f"{values.number(row.value, grade):.15g}"])
        except FieldProblem as problem:
            yield LineProblem(row.number, str(problem))
    if present:
        columns.require(path, names.mapped.values(), present)


def _is_header(cells: Sequence[str], queries: BeirTexts) -> bool:
    """Return whether the first line of a file of judgements names its columns; an id may be "query" too."""
    lowered = [cell.lower() for cell in cells]
    if not set(COLUMNS["judged_query"]) & set(lowered) or _GRADE.fullmatch(lowered[-1]):
        return False
    return lowered[-1] in COLUMNS["grade"] or cells[0] not in queries.documents


def _order(path: Path, head: Sequence[str], names: Names) -> tuple[int, ...]:
    """Return the places of query id, document id and grade by a header; () where none is out of its usual place.

    Raises:
        DataError: A mapped column isn't there, or columns are in an order that their names don't explain.
    """
    columns.require(path, names.mapped.values(), head)
    lowered = [cell.lower() for cell in head]
    found = [
        [n for n, cell in enumerate(head if column in names.mapped else lowered) if cell in names.of[column]]
        for column in COLUMNS
    ]
    if all(len(places) == 1 for places in found):
        return tuple(places[0] for places in found)
    usual = (0, len(head) - 2, len(head) - 1)
    if names.mapped or any(places not in ([], [place]) for places, place in zip(found, usual, strict=True)):
        raise DataError(
            f"{path}:1: expected columns of query ids, document ids and grades, got {', '.join(head)}. Name them in "
            f"the option `columns`: {', '.join(COLUMNS)}."
        )
    return ()


def _require_agreement(judgement: _Judgement, grade: int, *, first: int) -> None:
    if judgement.grade != grade:
        raise FieldProblem(
            f"judges query {judgement.query_id} and document {judgement.doc_id} a second time, with grade "
            f"{judgement.grade}; line {first} has grade {grade}. Keep one of the two"
        )


def _judgement(cells: Sequence[str], queries: BeirTexts, corpus: BeirTexts) -> _Judgement:
    if len(cells) == _COLUMNS_TREC:
        cells = [cells[0], cells[2], cells[3]]
    if len(cells) != _COLUMNS:
        raise FieldProblem(f"expected query id, document id, grade between tabs; got {len(cells)} columns")
    query_id, doc_id, grade = cells
    queries.require(query_id, "query")
    corpus.require(doc_id, "document")
    if not _GRADE.fullmatch(grade):
        why = ": nDCG is of whole grades, and rounding would change it" if _FRACTION.fullmatch(grade) else ""
        raise FieldProblem(
            f"expected a whole grade of at most six digits in the last column, got {shown(grade)!r}{why}"
        )
    return _Judgement(query_id, doc_id, max(0, int(float(grade))))
