"""Data that can be split: a file of rows, a TCM-SD folder, or queries with judgements (BEIR, rag_json)."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, replace
from datetime import date, time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tcmbench.data import columns, fields, reading, rows, table_files, tables, tcm_sd, tcm_sd_files, values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats import Collection, _beir_texts, _rows, beir, rag_json, swift
from tcmbench.data.lines import LineProblem, describe
from tcmbench.data.recognise import RAG_JSON, TCM_SD, recognise
from tcmbench.data.splitting.assignment import SplitItem, item
from tcmbench.errors import BadLines, DataAbsent, DataError

if TYPE_CHECKING:
    from collections.abc import Collection as Names
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tcmbench.data.splitting.assignment import By
    from tcmbench.store import Json

_LAYOUTS = (
    "Expected a file of rows (JSON lines, JSON, CSV, TSV, Parquet), a BEIR folder (corpus, queries, qrels/), or a "
    "TCM-SD folder (train, dev or test, and syndrome_knowledge)."
)


class SplitColumns(NamedTuple):
    """What is read of each row."""

    by: By

    query: str = ""
    """Name of the column of queries, where it isn't a common one."""

    group: str = ""
    """Name of the column of groups; "" for the patient."""


class SplitSource(Protocol):
    """Data with an item for each row or query."""

    @property
    def items(self) -> Sequence[SplitItem]:
        """Return the item of each row or query."""
        ...

    def write(self, assigned: Sequence[str], folder: Path) -> None:
        """Write the data into a new folder, each item in its split."""
        ...


def open_source(path: Path, *, splits: Sequence[str], named: SplitColumns) -> SplitSource:
    """Return the data of a file or folder.

    Args:
        path: The file or folder.
        splits: Splits of a folder whose queries are split again, together; () where it has one only.
        named: Columns.

    Raises:
        DataAbsent: There is no such file or folder.
        BadLines: Rows that can't be read, or without a group.
        DataError: Another layout, or several splits of which none is named.
    """
    if not reading.exists(path):
        raise DataAbsent(path, what="The data to split", how=_LAYOUTS)
    if reading.is_folder(path):
        if named.query:
            raise DataError(f"{path}: --query-column {named.query}: only files of rows have one. Leave it out.")
        if beir.splits_of(path):
            return _of_collection(beir.read(path), path, splits=splits, groups=_beir_groups(path, named), named=named)
        if recognise(path) == TCM_SD and tcm_sd_files.find_splits(path):
            return _of_tcm_sd(path, splits=splits, named=named)
        raise DataError(f"{path}: {_LAYOUTS}")
    if splits:
        raise DataError(f"{path}: --split {splits[0]}: a file has no splits. Leave it out.")
    if recognise(path) == RAG_JSON:
        if named.by == "group":
            raise DataError(f"{path}: the format rag_json has no groups. Split it by query.")
        return _of_collection(rag_json.read(path), path, splits=(), groups={}, named=named)
    if not table_files.ending(path):
        raise DataError(f"{path}: {_LAYOUTS}")
    return _of_rows(path, named)


@dataclass(frozen=True, slots=True)
class _SplitRows:
    """Rows that are written as they are, without changing or losing a column."""

    items: Sequence[SplitItem]
    files: tuple[Path, ...]
    copied: tuple[Path, ...] = ()
    """Files that belong to every split."""

    def write(self, assigned: Sequence[str], folder: Path) -> None:
        """Write one file of JSON lines per split."""
        for path in self.copied:
            shutil.copyfile(path, folder / path.name)
        for split in dict.fromkeys(assigned):
            chosen = (row for row, name in zip(self._rows(), assigned, strict=True) if name == split)
            _rows.write_rows(chosen, folder / f"{split}.jsonl")

    def _rows(self) -> Iterator[dict[str, Json]]:
        for path in self.files:
            yield from (row for _, row in rows.numbered(path, _json_row))


@dataclass(frozen=True, slots=True)
class _SplitCollection:
    """Queries with judgements: texts stay as they are, the judgements are divided."""

    items: Sequence[SplitItem]
    collection: Collection
    judged: Mapping[str, Mapping[str, int]]

    def write(self, assigned: Sequence[str], folder: Path) -> None:
        """Write a BEIR folder."""
        qrels: dict[str, dict[str, Mapping[str, int]]] = {name: {} for name in dict.fromkeys(assigned)}
        for (query_id, grades), split in zip(self.judged.items(), assigned, strict=True):
            qrels[split][query_id] = grades
        beir.write(replace(self.collection, qrels=qrels), folder)


def _of_rows(path: Path, named: SplitColumns) -> _SplitRows:
    mapped = {"query": named.query} if named.query else {}
    names = columns.names({"query": tables.COLUMNS["query"]}, mapped)
    texts: dict[str, str] = {}

    def parse(row: Mapping[str, object]) -> SplitItem:
        text = _query(row, names)
        for name in tables.COLUMNS["query_id"]:
            if not values.is_missing(row.get(name)) and texts.setdefault(str(row[name]), text) != text:
                raise FieldProblem(f"{name}: expected one text for a query id, got another in an earlier row")
        _json_row(row)
        return item(text, _group(row, named) if named.by == "group" else "")

    items = [each for _, each in rows.numbered(path, parse, required=mapped.values())]
    return _SplitRows(items, (path,))


def _of_tcm_sd(path: Path, *, splits: Sequence[str], named: SplitColumns) -> _SplitRows:
    folder = tcm_sd.read_folder(path, splits=_chosen(path, tcm_sd_files.find_splits(path), splits))
    files = tuple(table_files.find(path, split) for split in folder.splits)
    items, problems = [], []
    for (split, records), file in zip(folder.splits.items(), files, strict=True):
        for record, row in zip(records, table_files.read_rows(file), strict=True):
            is_known = record.patient_id != tcm_sd.anonymous_patient(split, record.record_id)
            group = record.patient_id if is_known or (named.by == "group" and not named.group) else ""
            if named.by == "group" and named.group:
                try:
                    group = _group(row.value, named) if not isinstance(row, LineProblem) else ""
                except FieldProblem as problem:
                    problems.append(describe(file, LineProblem(row.number, str(problem))))
            items.append(item(f"{record.chief_complaint}\n{record.history}\n{record.examination}", group))
    if problems:
        raise BadLines(problems, advice=rows.ADVICE)
    return _SplitRows(items, files, tcm_sd_files.find(path, []).common)


def _of_collection(
    collection: Collection, path: Path, *, splits: Sequence[str], groups: Mapping[str, str], named: SplitColumns
) -> _SplitCollection:
    judged: dict[str, dict[str, int]] = {}
    for split in _chosen(path, list(collection.qrels), splits):
        for query_id, grades in collection.qrels[split].items():
            earlier = judged.setdefault(query_id, {})
            if any(earlier.get(doc_id, grade) != grade for doc_id, grade in grades.items()):
                raise DataError(
                    f"{path}: query {query_id}: two splits grade a document differently. Keep one of the grades."
                )
            earlier.update(grades)
    ungrouped = [query_id for query_id in judged if named.by == "group" and query_id not in groups]
    if ungrouped:
        raise DataError(f"{path}: query {ungrouped[0]}: expected a group in the queries' file, got none.")
    items = [item(collection.queries[query_id], groups.get(query_id, "")) for query_id in judged]
    return _SplitCollection(items, collection, judged)


def _beir_groups(path: Path, named: SplitColumns) -> dict[str, str]:
    """Return query id → group, from the file of the queries; {} where groups aren't needed."""
    if named.by != "group":
        return {}
    ids = _beir_texts.COLUMNS["queries"]["query_id"]
    parsed = rows.numbered(
        _beir_texts.find(path, "queries"), lambda row: (values.identifier(row, *ids), _group(row, named))
    )
    return dict(pair for _, pair in parsed)


def _chosen(path: Path, existing: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return the splits that are split again, each once."""
    unknown = [name for name in wanted if name not in existing]
    if unknown or not existing:
        raise DataError(f"{path}: no split {', '.join(unknown)}. Existing: {', '.join(existing) or 'none'}.")
    if not wanted and len(existing) > 1:
        raise DataError(
            f"{path}: expected one split, got {', '.join(existing)}. Name those to split again with --split (several "
            "times for several): their queries are put together first, those of the other splits are left out."
        )
    return list(dict.fromkeys(wanted or existing))


def _query(row: Mapping[str, object], names: columns.Names) -> str:
    """Return the query of a row; that of a row for ms-swift is the message of its user."""
    if "messages" in row and not names.mapped:
        return swift.query_of(row["messages"])[1]
    name = names.find(row, "query")
    if not name:
        expected = " or ".join(("messages", *names.of["query"]))
        raise FieldProblem(f"expected {expected}; {values.keys(row)}. Name the column with --query-column")
    return values.text(row, name)


def _group(row: Mapping[str, object], named: SplitColumns) -> str:
    """Return the group of a row."""
    names: Names[str] = (named.group,) if named.group else fields.PATIENT_ID
    group = fields.identifier(row, tuple(names))
    if not group:
        raise FieldProblem(
            f"expected a group in {' or '.join(names)}; {values.keys(row)}. Name the column with --group-column"
        )
    return group


def _json_row(row: Mapping[str, object]) -> dict[str, Json]:
    """Return a row with values that JSON has: dates become text, NaN becomes null."""
    return {name: _json_value(value, name) for name, value in row.items()}


def _json_value(value: object, name: str) -> Json:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_json_value(each, name) for each in value]
    if isinstance(value, dict):
        return {str(key): _json_value(each, name) for key, each in value.items()}
    if isinstance(value, date | time):
        return value.isoformat()
    raise FieldProblem(f"{name}: expected a value that JSON has, got {values.kind(value)}. Leave the column out")
