"""Rows of CSV, TSV, Parquet, JSON and JSON lines, each with its line or row number.

A row is a query with its positives and negatives, or a pair with a label or grade. Common names of columns are
recognised; others are named by the user.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from tcmbench.data import lines, reading, rows, values
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
        BadLines: After the last row: all rows that can't be read.
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
    for number, row in numbered:
        yield _placed(row, f"{path}:{number}")


def _row(row: Mapping[str, object], names: Mapping[str, tuple[str, ...]]) -> TrainingRow:
    """Return one row; a document graded 0 or below is a negative."""
    query = values.text(row, *names["query"])
    texts = values.texts(row, *names["positive"])
    if not texts:
        raise FieldProblem(f"expected {' or '.join(names['positive'][:4])}; {values.keys(row)}")
    negatives = values.texts(row, *names["negative"])
    grade = _grade(row, names["grade"])
    query_id = next((str(row[name]) for name in names["query_id"] if row.get(name) not in (None, "")), "")
    if grade is not None and grade <= 0:
        return TrainingRow(query, (), (*texts, *negatives), query_id=query_id)
    return TrainingRow(
        query, texts, negatives, query_id=query_id, grades=() if grade is None else (grade,) * len(texts)
    )


def _grade(row: Mapping[str, object], names: tuple[str, ...]) -> float | None:
    """Return the grade of a pair; None where there is no such column."""
    name = next((name for name in names if name in row), None)
    if name is None:
        return None
    value = row[name]
    if isinstance(value, str):
        try:
            return values.number({name: float(value)}, name)
        except ValueError as error:
            raise FieldProblem(f"{name}: expected a number, got text") from error
    return values.number(row, name)


def _numbered(path: Path, parse: Callable[[Mapping[str, object]], TrainingRow]) -> Iterator[tuple[int, TrainingRow]]:
    problems: list[str] = []
    for number, value in _delimited(path) if ending(path) in _DELIMITERS else _parquet(path):
        try:
            yield number, parse(value)
        except FieldProblem as problem:
            problems.append(f"{path}:{number}: {problem}")
    if problems:
        raise BadLines(problems, advice=rows.ADVICE)


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
                yield line, dict(zip(head, cells, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}:{line}: expected {kind[1:].upper()}, but: {error}. Check the quotes.") from error


def _parquet(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the rows of a Parquet file, numbered from 1."""
    if ending(path) != ".parquet":
        raise DataError(f"{path}: expected a file that ends in {', '.join(_ENDINGS)}, or one of these and .gz or .zst.")
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = b"".join(reading.chunks(path))
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        number = 0
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: expected Parquet, but: {str(error).splitlines()[0]} Copy the file again.") from error


def _placed(row: TrainingRow, where: str) -> Any:
    from dataclasses import replace

    return replace(row, where=where)
