"""Tables of pairs: a row is a query with its positives and negatives, or a pair with a label or grade.

Common names of columns are recognised; others are named by the user.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench.data import columns as column_names
from tcmbench.data import rows, table_files, values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats import TrainingRow
from tcmbench.errors import BadLines, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tcmbench.data.columns import Names

COLUMNS: dict[str, tuple[str, ...]] = {
    "query": ("query", "question", "anchor", "sentence1", "text1", "问题", "查询"),
    "positive": ("positive", "pos", "document", "doc", "passage", "answer", "response", "sentence2", "text2", "答案",
                 "文档"),
    "negative": ("negative", "neg", "negatives", "hard_negative", "hard_negatives"),
    "grade": ("grade", "label", "score", "relevance", "rel"),
    "query_id": ("query_id", "query-id", "qid"),
}  # fmt: skip
"""Column → its common names, the preferred one first."""

logger = logging.getLogger(__name__)

_OF_PAIRS = frozenset({"sentence1", "text1"})
"""Names that files of similar pairs use, whose scores are no grades."""

_NUMBERED = re.compile(r"(?:hard_)?neg(?:ative)?_?\d+")
"""Columns of one negative each, as sentence-transformers writes mined ones."""

_WRITTEN_LIST = re.compile(r"""\s*\[\s*(['"].*['"]\s*)?\]\s*""", re.DOTALL)


def training_rows(
    path: Path, columns: Mapping[str, str] | None = None, *, group: str = "", skips_blank: bool = False
) -> Iterator[TrainingRow]:
    """Yield the rows of a file, in order.

    Args:
        path: CSV or TSV with a header, Parquet, a JSON array or JSON lines; compressed as .gz or .zst, or not.
        columns: Column → its name in this file, where it isn't a common one.
        group: Column with the rows' groups, in all rows; "" for none.
        skips_blank: Whether rows with a blank query or document are left out, and their number is logged, instead of
            being an error: among a million collected pairs there are always some.

    Raises:
        DataAbsent: There is no such file.
        DataError: It is of another format, or lacks a column that is named.
        SpecError: An unknown column.
        BadLines: After the last row: all rows that can't be read, else all that contradict an earlier one.
    """
    if not table_files.ending(path):
        endings = ", ".join(table_files.ENDINGS)
        raise DataError(f"{path}: expected a file that ends in {endings}, or one of these and .gz or .zst.")
    names = column_names.names(COLUMNS, columns or {})
    required = [*names.mapped.values(), *([group] if group else [])]
    blank = 0

    def parse(row: Mapping[str, object]) -> TrainingRow | None:
        nonlocal blank
        if skips_blank and _is_blank(row, names):
            blank += 1
            return None
        return _row(row, names, group)

    judged: dict[bytes, tuple[float, int]] = {}
    problems: list[str] = []
    for number, row in rows.numbered(path, parse, required=required):
        if row is None:
            continue
        if (earlier := _contradicted(row, number, judged)) is not None:
            problems.append(
                f"{path}:{number}: expected one grade for a query and a document, got another at {path}:{earlier}"
            )
        yield replace(row, where=f"{path}:{number}")
    if problems:
        raise BadLines(problems, advice=rows.ADVICE)
    if blank:
        logger.warning("%s: %s rows with a blank text are left out.", path, f"{blank:,}")


def _is_blank(row: Mapping[str, object], names: Names) -> bool:
    texts = (row.get(names.find(row, column)) for column in ("query", "positive"))
    return any(isinstance(text, str) and not text.strip() for text in texts)


def scored_rows(path: Path, columns: Mapping[str, str] | None = None) -> Iterator[TrainingRow]:
    """Yield the pairs of a file with their scores, any numbers, and their weights where there is such a column.

    Args:
        path: As of `training_rows`.
        columns: Column → its name in this file; `grade` is the score.

    Raises:
        DataAbsent: There is no such file.
        DataError: It is of another format, or lacks a column that is named.
        SpecError: An unknown column.
        BadLines: After the last row: all rows that can't be read, or that have no score.
    """
    names = column_names.names({**COLUMNS, "weight": ("weight", "权重")}, columns or {})

    def parse(row: Mapping[str, object]) -> TrainingRow:
        column_of = {column: names.find(row, column) for column in names.of}
        query, document, score = (
            _require(row, column_of[name], names.of[name]) for name in ("query", "positive", "grade")
        )
        negative = _first_negative(row, column_of["negative"])
        if negative:
            raise FieldProblem(
                f"{negative}: expected one document beside a score, got a negative, too. Write a row for each pair "
                "with its own score"
            )
        weight = values.number(row, column_of["weight"]) if column_of["weight"] else 1.0
        if weight < 0:
            raise FieldProblem(f"{column_of['weight']}: expected 0 or more, got a negative number")
        return TrainingRow(
            values.text(row, query), (values.text(row, document),), query_id=_query_id(row, column_of["query_id"]),
            score=values.number(row, score), weights=(weight,),
        )  # fmt: skip

    for number, row in rows.numbered(path, parse, required=names.mapped.values()):
        yield replace(row, where=f"{path}:{number}")


def _first_negative(row: Mapping[str, object], named: str) -> str:
    """Return the first column of a row with a negative; "" where it has none."""
    columns = [named] if named else [name for name in row if _NUMBERED.fullmatch(name)]
    return next((name for name in columns if not values.is_missing(row[name])), "")


def _row(row: Mapping[str, object], names: Names, group: str) -> TrainingRow:
    """Return one row; a document graded 0 or below is a negative."""
    found = {column: names.find(row, column) for column in names.of}
    query = values.text(row, _require(row, found["query"], names.of["query"]))
    texts = _documents(row, _require(row, found["positive"], names.of["positive"]))
    if not texts:
        raise FieldProblem(f"{found['positive']}: expected text, got none")
    numbered = [] if "negative" in names.mapped else [name for name in row if _NUMBERED.fullmatch(name)]
    filled = [found["negative"], *(name for name in numbered if not values.is_missing(row[name]))]
    negatives = tuple(text for name in filled for text in _documents(row, name))
    query_id = _query_id(row, found["query_id"])
    own_group = values.identifier(row, group) if group else ""
    grade = _grade(row, found["grade"])
    if grade is not None and grade > 1 and found["query"] in _OF_PAIRS and "query" not in names.mapped:
        raise FieldProblem(
            f"{found['grade']}: expected 0 or 1 beside {found['query']}, got a larger number. Similarities are a task "
            "of type sts; grades of a retrieval task need the name of the query's column in the option `columns`"
        )
    if grade is not None and grade <= 0:
        return TrainingRow(query, (), (*texts, *negatives), query_id=query_id, group=own_group)
    grades = () if grade is None else (grade,) * len(texts)
    return TrainingRow(query, texts, negatives, query_id=query_id, grades=grades, group=own_group)


def _require(row: Mapping[str, object], name: str, known: tuple[str, ...]) -> str:
    """Return the name of a column, once a row has it."""
    if not name:
        raise FieldProblem(
            f"expected {' or '.join(known)}; {values.keys(row)}. Rename the column, or name it in `columns` in the "
            "TOML of a task (options) or variant, or with `tcmbench eval` by --columns"
        )
    return name


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
    grade = values.number(row, name)
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
        pair = hashlib.blake2b(
            repr((row.query_id or row.query.strip(), text.strip())).encode(), digest_size=16
        ).digest()
        earlier, line = judged.setdefault(pair, (grade, number))
        if earlier != grade and found is None:
            found = line
    return found
