"""A source of training data in any format, as a folder of records and documents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

from tcmbench import plugins
from tcmbench.data import reading, table_files, tables, tcm_sd, training_pairs
from tcmbench.data.formats import Collection, collect
from tcmbench.data.lines import LineProblem, read_text
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.data.formats import CollectionFormat, RowFormat, TrainingRow
    from tcmbench.data.tcm_sd import Folder

TCM_SD, TABLE, BEIR, WEIGHTED, _RAG_JSON = "tcm_sd", "table", "beir", "weighted", "rag_json"

_BY_KEYS = (
    ("swift", frozenset({"messages"})),
    ("swift", frozenset({"query", "rejected_response"})),
    ("pos_doc", frozenset({"pos_doc"})),
    (WEIGHTED, frozenset({"query", "doc", "rel"})),
)
"""Format → keys that the first row of such a file has; of any other file the table's columns are tried."""


class Reading(NamedTuple):
    """How the files of a source are read."""

    path: Path
    """File or folder."""

    format: str
    """Name of a format."""

    split: str = training_pairs.TRAIN
    """Split of a format that has several."""

    columns: tuple[tuple[str, str], ...] = ()
    """Tables: column and its name in the file."""

    labels: str = ""
    """Tables: column whose equal values don't meet in a batch."""

    def read(self) -> Folder:
        """Return the split as `train`; with the split train also the dev split as `dev`, where there is one.

        Raises:
            UnknownName: There is no such format.
            DataAbsent: There is no such file or folder.
            BadLines: Rows that can't be read or that contradict each other.
            DataError: The data can't be used.
        """
        if self.format == TCM_SD:
            return self._tcm_sd()
        module = plugins.load("formats", self.format)
        if self.format == TABLE:
            collection = collect(self._table(dict(self.columns)))
        elif module.HOLDS == "rows":
            collection = collect(cast("RowFormat", module).read(self.path))
        else:
            collection = self._splits_of(cast("CollectionFormat", module).read(self.path))
        return training_pairs.folder_of(collection, self.path)

    def rows(self, *, scored: bool = False) -> Iterator[TrainingRow]:
        """Yield the rows of a file in order, one at a time.

        Args:
            scored: Whether grades of a table may be fractions, as scores are.

        Raises:
            DataAbsent: There is no such file.
            BadLines: Rows that can't be read or that contradict each other.
            DataError: The data can't be used; or a format that doesn't hold rows.
        """
        module = plugins.load("formats", self.format)
        if self.format == TABLE:
            columns = dict(self.columns)
            return tables.scored_rows(self.path, columns) if scored else self._table(columns)
        if module.HOLDS != "rows":
            raise DataError(
                f"{self.path}: expected a file of rows, such as JSON lines of query, doc, rel and weight, or a table "
                f"with a column of scores, got format {self.format}, which has no scores of pairs."
            )
        return cast("RowFormat", module).read(self.path)

    def _table(self, columns: dict[str, str]) -> Iterator[TrainingRow]:
        return tables.training_rows(self.path, columns, group=self.labels)

    def _tcm_sd(self) -> Folder:
        train, dev = training_pairs.TRAIN, training_pairs.DEV
        present = tcm_sd.find_splits(self.path)
        if self.split == train:
            return tcm_sd.read_folder(self.path, splits=[train, *([dev] if dev in present else [])])
        folder = tcm_sd.read_folder(self.path, splits=[self.split])
        return replace(folder, splits={train: folder.splits[self.split]})

    def _splits_of(self, collection: Collection) -> Collection:
        """Return the chosen split as train, and dev beside train; the only split where the format has no names."""
        train, dev = training_pairs.TRAIN, training_pairs.DEV
        if self.split not in collection.qrels:
            raise DataError(f"{self.path}: expected a split {self.split}, got {', '.join(collection.qrels)}.")
        qrels = {train: collection.qrels[self.split]}
        if self.split == train and dev in collection.qrels:
            qrels[dev] = collection.qrels[dev]
        return replace(collection, qrels=qrels)


def recognise(path: Path) -> str:
    """Return the format of a file or folder, by its files or by the keys of its first row.

    Raises:
        DataError: A folder of no known layout.
    """
    if reading.is_folder(path):
        stems = {file.name if reading.is_folder(file) else table_files.stem(file) for file in reading.files_in(path)}
        if tcm_sd.KNOWLEDGE in stems:
            return TCM_SD
        if {"corpus", "queries"} <= stems:
            return BEIR
        # What a TCM-SD folder lacks is said where it is read.
        return TCM_SD
    kind = table_files.ending(path)
    if kind == ".json" and _is_rag_json(path):
        return _RAG_JSON
    if kind in {".json", ".jsonl"}:
        first = next((row for row in table_files.read_rows(path) if not isinstance(row, LineProblem)), None)
        keys = frozenset() if first is None else first.value.keys()
        return next((name for name, required in _BY_KEYS if required <= keys), TABLE)
    return TABLE


def _is_rag_json(path: Path) -> bool:
    text = read_text(path)
    return text.lstrip("\ufeff \t\r\n").startswith("{") and '"relevant_docs"' in text
