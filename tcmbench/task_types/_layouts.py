"""Layouts of a task's files, for uses of their texts besides scoring: leaks, slices, texts on a board."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tcmbench.data.formats import Collection
    from tcmbench.data.leakage import EvaluationTexts
    from tcmbench.data.tcm_sd import Record


@dataclass(frozen=True, slots=True)
class Layout:
    """Access to the texts of a task's files; every task type names one as `LAYOUT`."""

    columns: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Column → its name in the files, where it has another one."""

    def records(self, path: Path, split: str) -> Sequence[Record]:
        """Return the clinical records that are the items; empty where the items are something else."""
        del path, split
        return ()

    def item_texts(self, path: Path, split: str) -> Mapping[str, str]:
        """Return item → text; empty where an item is a record, or more than one text."""
        del path, split
        return {}

    def evaluation_texts(self, task: str, path: Path, splits: Sequence[str]) -> Iterator[EvaluationTexts]:
        """Return the texts that training must not have seen."""
        raise NotImplementedError  # abstract: every layout reads its own files


class TcmSd(Layout):
    """A folder of records and a knowledge base, as TCM-SD has it."""

    def records(self, path: Path, split: str) -> Sequence[Record]:
        """Return the records of a split."""
        from tcmbench.data.tcm_sd import read_folder

        return read_folder(path, splits=[split]).splits[split]

    def evaluation_texts(self, task: str, path: Path, splits: Sequence[str]) -> Iterator[EvaluationTexts]:
        """Return the records, with their patients, and the knowledge base, which may be trained on."""
        from tcmbench.data.leakage import texts_of_folder
        from tcmbench.data.tcm_sd import read_folder

        yield from texts_of_folder(task, read_folder(path, splits=splits), splits)


class Beir(Layout):
    """A folder of queries and a corpus."""

    def item_texts(self, path: Path, split: str) -> Mapping[str, str]:
        """Return the queries of all splits."""
        from tcmbench.data.formats import beir

        del split
        return beir.read_texts(path, "queries", self.columns)

    def evaluation_texts(self, task: str, path: Path, splits: Sequence[str]) -> Iterator[EvaluationTexts]:
        """Return the queries of the splits, and the documents, which all splits have in common."""
        from tcmbench.data.formats import beir
        from tcmbench.data.leakage import EvaluationTexts

        read = [beir.read_split(path, split, self.columns) for split in splits]
        yield EvaluationTexts(task, "queries", {name: text for one in read for name, text in one.queries.items()})
        yield EvaluationTexts(task, "documents", {name: text for one in read for name, text in one.documents.items()})


class PairsFile(Layout):
    """One file of queries with their documents."""

    def item_texts(self, path: Path, split: str) -> Mapping[str, str]:
        """Return the queries by the ids that gathering gives them."""
        return self._collection(path, split).queries

    def evaluation_texts(self, task: str, path: Path, splits: Sequence[str]) -> Iterator[EvaluationTexts]:
        """Return the queries and the documents."""
        from tcmbench.data.leakage import EvaluationTexts

        collection = self._collection(path, splits[0])
        yield EvaluationTexts(task, "queries", collection.queries)
        yield EvaluationTexts(task, "documents", {name: one.text for name, one in collection.corpus.items()})

    def _collection(self, path: Path, split: str) -> Collection:
        from tcmbench.data import tables
        from tcmbench.data.formats import gather

        return gather(tables.training_rows(path, self.columns), split=split).collection


@dataclass(frozen=True, slots=True)
class Rows(Layout):
    """One file of rows, or a folder with one per split."""

    fields: tuple[str, ...]
    """Fields that hold text."""

    item: str = ""
    """Field with the text of an item, where rows are items; else empty."""

    def item_texts(self, path: Path, split: str) -> Mapping[str, str]:
        """Return the texts by the number of their row, from 0."""
        if not self.item:
            return {}
        return {str(number): text for number, text in enumerate(self._column(_file(path, split), self.item))}

    def evaluation_texts(self, task: str, path: Path, splits: Sequence[str]) -> Iterator[EvaluationTexts]:
        """Return the texts of all fields by file, line and field."""
        from tcmbench.data.leakage import EvaluationTexts

        texts = {
            f"{file.name}:{number}:{field}": text
            for file in dict.fromkeys(_file(path, split) for split in splits)
            for field in self.fields
            for number, text in enumerate(self._column(file, field), start=1)
        }
        yield EvaluationTexts(task, "pairs", texts)

    def _column(self, file: Path, field: str) -> list[str]:
        from tcmbench.data import values
        from tcmbench.data.rows import read_columns

        return read_columns(file, {field: values.text}, self.columns).texts(field)


def _file(path: Path, split: str) -> Path:
    from tcmbench.data import table_files

    return table_files.find(path, split) if path.is_dir() else path
