"""Rows of CSV, TSV, Parquet, JSON and JSON lines, each with its line or row number.

A row is a query with its positives and negatives, or a pair with a label or grade. Common names of columns are
recognised; others are named by the user.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench import faults
from tcmbench.data import fields, lines, reading, rows, values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats import TrainingRow
from tcmbench.errors import BadLines, DataError, SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

COLUMNS: dict[str, tuple[str, ...]] = {
    "query": ("query", "question", "anchor", "sentence1", "text1", "问题", "查询"),
    "positive": ("positive", "pos", "document", "doc", "passage", "answer", "response", "sentence2", "text2", "答案",
                 "文档"),
    "negative": ("negative", "neg", "negatives", "hard_negative", "hard_negatives"),
    "grade": ("grade", "label", "score", "relevance", "rel"),
    "query_id": ("query_id", "query-id", "qid"),
}  # fmt: skip
"""Column → its common names, the preferred one first."""

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LONGEST_FIELD = 1 << 24
_ENDINGS = (".csv", ".tsv", ".parquet", ".json", ".jsonl")
_OF_PAIRS = frozenset({"sentence1", "text1"})
"""Names that files of similar pairs use, whose scores are no grades."""

_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d*)?", re.ASCII)
_WRITTEN_LIST = re.compile(r"""\s*\[\s*(['"].*['"]\s*)?\]\s*""", re.DOTALL)


def ending(path: Path) -> str:
    """Return the suffix of a file's name that identifies its format, without compression; "" for an unknown one."""
    name = path.name.lower()
    for packed in reading.COMPRESSED:
        name = name.removesuffix(packed)
    return next((end for end in _ENDINGS if name.endswith(end)), "")


def training_rows(path: Path, columns: Mapping[str, str] | None = None) -> Iterator[TrainingRow]:
    """Yield the rows of a file, in order.

    Args:
        path: CSV or TSV with a header, Parquet, a JSON array or JSON lines; compressed as .gz or .zst, or not.
        columns: Column → its name in this file, where it isn't a common one.

    Raises:
        DataAbsent: There is no such file.
        DataError: It is of another format, or lacks a column.
        SpecError: An unknown column.
        BadLines: After the last row: all rows that can't be read, else all that contradict an earlier one.
    """
    unknown = sorted((columns or {}).keys() - COLUMNS.keys())
    if unknown:
        raise SpecError(f"columns: expected some of {', '.join(COLUMNS)}, got {', '.join(unknown)}.")
    names = {
        column: (columns[column],) if columns and column in columns else known for column, known in COLUMNS.items()
    }

    def parse(row: Mapping[str, object]) -> TrainingRow:
        return _row(row, names)

    numbered = rows.numbered(path, parse) if ending(path) in {".json", ".jsonl"} else _numbered(path, parse)
    judged: dict[bytes, tuple[float, int]] = {}
    problems: list[str] = []
    for number, row in numbered:
        if (earlier := _contradicted(row, number, judged)) is not None:
            problems.append(
                f"{path}:{number}: expected one grade for a query and a document, got another at {path}:{earlier}"
            )
        yield replace(row, where=f"{path}:{number}")
    if problems:
        raise BadLines(problems, advice=rows.ADVICE)


def _row(row: Mapping[str, object], names: Mapping[str, tuple[str, ...]]) -> TrainingRow:
    """Return one row; a document graded 0 or below is a negative."""
    found = {column: _name(row, column, known) for column, known in names.items()}
    query = values.text(row, *([found["query"]] if found["query"] else names["query"]))
    texts = _documents(row, found["positive"])
    if not texts:
        here = f"{found['positive']}: expected text, got none" if found["positive"] else ""
        raise FieldProblem(here or f"expected {' or '.join(names['positive'][:4])}; {values.keys(row)}")
    negatives = _documents(row, found["negative"])
    query_id = _query_id(row, found["query_id"])
    grade = _grade(row, found["grade"])
    if grade is not None and grade > 1 and found["query"] in _OF_PAIRS and len(names["query"]) > 1:
        raise FieldProblem(
            f"{found['grade']}: expected 0 or 1 beside {found['query']}, got a larger number. Similarities are a task "
            "of type sts; grades of a retrieval task need the name of the query's column in the option `columns`"
        )
    if grade is not None and grade <= 0:
        return TrainingRow(query, (), (*texts, *negatives), query_id=query_id)
    return TrainingRow(
        query, texts, negatives, query_id=query_id, grades=() if grade is None else (grade,) * len(texts)
    )


def _name(row: Mapping[str, object], column: str, names: tuple[str, ...]) -> str:
    """Return the name that a column goes by in a row; empty where it has none.

    Raises:
        FieldProblem: Several of the names hold something.
    """
    found = [name for name in names if not values.is_missing(row.get(name))]
    if len(found) > 1:
        raise FieldProblem(
            f"expected one column for {column}, got {' and '.join(found)}. Rename or leave out all but one, or name it "
            "in the task's option `columns`"
        )
    return found[0] if found else next((name for name in names if name in row), "")


def _documents(row: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return the documents of a field, given as a list or as one text."""
    texts = values.texts(row, name) if name else ()
    if any(_WRITTEN_LIST.fullmatch(text) for text in texts):
        raise FieldProblem(
            f"{name}: expected a document, got a list written as text. Give each document a row, or write JSON lines"
        )
    return texts


def _query_id(row: Mapping[str, object], name: str) -> str:
    is_none = not name or values.is_missing(row[name]) or row[name] == ""
    return "" if is_none else values.identifier(row, name)


def _grade(row: Mapping[str, object], name: str) -> float | None:
    """Return the grade of a pair, a whole number; None where there is no such column."""
    if not name:
        return None
    value = row[name]
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value.strip()):
            raise FieldProblem(f"{name}: expected a number, got text")
        value = float(value)
    grade = values.number({name: value}, name)
    if not grade.is_integer():
        raise FieldProblem(
            f"{name}: expected a whole number, such as 0 or 1, got a fraction. Similarities are a task of type sts"
        )
    return grade


def _contradicted(row: TrainingRow, number: int, judged: dict[bytes, tuple[float, int]]) -> int | None:
    """Note how a row judges its documents; return the line of an earlier row, or its own, that judges one otherwise."""
    grades = (*(row.grades or (1.0,) * len(row.positives)), *(0.0,) * len(row.negatives))
    found = None
    for text, grade in zip((*row.positives, *row.negatives), grades, strict=True):
        # hashes, because a file may be larger than memory
        pair = hashlib.blake2b(repr((row.query_id or row.query, text)).encode(), digest_size=16).digest()
        earlier, line = judged.setdefault(pair, (grade, number))
        if earlier != grade and found is None:
            found = line
    return found


def _numbered(path: Path, parse: Callable[[Mapping[str, object]], TrainingRow]) -> Iterator[tuple[int, TrainingRow]]:
    problems: list[str] = []
    is_text = ending(path) in _DELIMITERS
    for number, value in _delimited(path) if is_text else _parquet(path):
        try:
            yield number, parse(_undamaged(value) if is_text else value)
        except FieldProblem as problem:
            problems.append(f"{path}:{number}: {problem}")
    if problems:
        raise BadLines(problems, advice=rows.ADVICE)


def _undamaged(row: Mapping[str, object]) -> Mapping[str, object]:
    if any("\ufffd" in str(cell) for cell in row.values()):
        raise FieldProblem("damaged characters")
    return row


def _delimited(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the rows of a CSV or TSV file by the names in its header, with the first line of each."""
    kind = ending(path)
    text = lines.read_text(path)
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_DELIMITERS[kind], strict=True)
    line = 1
    try:
        head = [name.strip() for name in next(reader, [])]
        if len(set(head)) < len(head):
            raise DataError(f"{path}:1: expected a header with a name per column, each once.")
        line = reader.line_num + 1
        for cells in reader:
            if cells and len(cells) != len(head):
                raise DataError(
                    f"{path}:{line}: expected {len(head)} fields, got {len(cells)}. Quote fields that hold the "
                    "delimiter."
                )
            if cells:
                yield line, dict(zip(head, map(_cell, cells), strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}:{line}: expected {kind[1:].upper()}, but: {error}. Check the quotes.") from error


def _cell(text: str) -> object:
    """Return a cell: text, or None for an empty one and the words that table tools write for it."""
    return None if text in fields.MISSING_WORDS else text


def _parquet(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the rows of a Parquet file, numbered from 1."""
    if ending(path) != ".parquet":
        raise DataError(f"{path}: expected a file that ends in {', '.join(_ENDINGS)}, or one of these and .gz or .zst.")
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = b"".join(reading.chunks(path))
    number = 0
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise DataError(f"{path}: expected each column once, got {', '.join(names)}. Rename or leave out one.")
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: expected Parquet, but: {faults.words_of(error)}. Copy the file again.") from error
