"""Queries, documents and qrels of a TCM-SD folder in a view of its fields, and metrics as classifiers report them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field, field_validator

from tcmbench.data import table_files
from tcmbench.data.tcm_sd import ENTRY_FIELDS, RECORD_FIELDS, EntryField, RecordField
from tcmbench.data.tcm_sd_files import KNOWLEDGE
from tcmbench.errors import DataError
from tcmbench.plugins import PluginOptions
from tcmbench.task_types import ItemInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder, Record
    from tcmbench.ranking.per_query import PerQuery


class RecordView(PluginOptions):
    """Fields of the records that are read."""

    record_fields: tuple[RecordField, ...] = Field(default=tuple(RECORD_FIELDS), min_length=1)
    """Fields of a record that make its text, always in the usual order."""

    @field_validator("record_fields")
    @classmethod
    def _in_order(cls, given: tuple[RecordField, ...]) -> tuple[RecordField, ...]:
        return tuple(field for field in RECORD_FIELDS if field in given)

    def texts(self, records: Sequence[Record], *, where: str) -> RecordTexts:
        """Return the texts of the records; those that have none of the fields are left out, and counted in the note.

        Raises:
            DataError: A field of the view that no record has: the view would be another one under a wrong name.
        """
        if self.record_fields != tuple(RECORD_FIELDS):
            _require(records, self.record_fields, option="record_fields", where=where)
        texts = {record.record_id: record.query(self.record_fields) for record in records}
        found = {record_id: text for record_id, text in texts.items() if text}
        lacking = len(texts) - len(found)
        note = f"{where}: {lacking} of {len(texts)} records are left out, without {' and '.join(self.record_fields)}"
        return RecordTexts(found, (note,) if lacking else ())


class SyndromeView(RecordView):
    """Fields of the records and of the entries of the knowledge base that are read."""

    entry_fields: tuple[EntryField, ...] = Field(default=tuple(ENTRY_FIELDS), min_length=1)
    """Fields of an entry that make its document, always in the usual order."""

    @field_validator("entry_fields")
    @classmethod
    def _entry_in_order(cls, given: tuple[EntryField, ...]) -> tuple[EntryField, ...]:
        return tuple(field for field in ENTRY_FIELDS if field in given)


class RecordTexts(NamedTuple):
    """Texts of the records of a split in a view."""

    texts: dict[str, str]
    """record id → text."""

    notes: tuple[str, ...]
    """How many records are left out."""


class Pool(NamedTuple):
    """One split as a retrieval problem."""

    folder: Folder
    """Folder that it was read from."""

    queries: dict[str, str]
    """record id → text."""

    documents: dict[str, str]
    """Syndrome → text."""

    qrels: dict[str, dict[str, int]]
    """record id → syndrome → 1."""

    items: dict[str, ItemInfo]
    """record id → patient and first label."""

    notes: tuple[str, ...]
    """Records and entries that are left out, as the view has no text of them."""


def folder_files(path: Path, splits: Sequence[str], *, vocabulary_needed: bool = False) -> list[Path]:
    """Return the files of these splits.

    Raises:
        DataError: There are two of one name, in different formats.
    """
    wanted = [table_files.find(path, name) for name in (*splits, KNOWLEDGE)]
    vocabulary = path / "syndrome_vocab.txt"
    if vocabulary_needed or vocabulary.is_file():
        wanted.append(vocabulary)
    return wanted + sorted(p for p in path.glob("label_map*") if p.suffix in {".txt", ".csv"})


def read_pool(
    path: Path, split: str, *, view: SyndromeView, pool: Literal["knowledge_base", "closed"] = "knowledge_base"
) -> Pool:
    """Read one split of a folder as a retrieval problem.

    A gold entry without a text in the view stays in the qrels: an index of these fields can't find it.

    Raises:
        DataError: The closed pool lacks the gold label of a record, or a field of the view is nowhere in the data.
    """
    from tcmbench.data.tcm_sd import read_folder

    folder = read_folder(path, splits=[split])
    where = f"{path}: split {split}"
    if view.entry_fields != tuple(ENTRY_FIELDS):
        _require(folder.knowledge, view.entry_fields, option="entry_fields", where=where)
    documents = {syndrome.doc_id: syndrome.document(view.entry_fields) for syndrome in folder.knowledge}
    records = folder.splits[split]
    if pool == "closed":
        closed = set(folder.vocabulary)
        documents = {name: text for name, text in documents.items() if name in closed}
        outside = [f"{r.record_id} ({', '.join(r.labels)})" for r in records if not closed.issuperset(r.labels)]
        if outside:
            raise DataError(
                f"{path}: {len(outside)} records of split {split} have labels outside syndrome_vocab.txt: "
                f"{'; '.join(outside[:5])}. The closed pool needs every gold label; use the whole knowledge base."
            )
    indexed = {name: text for name, text in documents.items() if text}
    lacking = len(documents) - len(indexed)
    note = f"{lacking} of {len(documents)} entries can't be found, without {' and '.join(view.entry_fields)}"
    read = view.texts(records, where=f"split {split}")
    kept = [record for record in records if record.record_id in read.texts]
    return Pool(
        folder=folder,
        queries=read.texts,
        documents=indexed,
        qrels={record.record_id: dict.fromkeys(record.labels, 1) for record in kept},
        items={record.record_id: ItemInfo(record.patient_id, record.labels[0]) for record in kept},
        notes=(*read.notes, *((note,) if lacking else ())),
    )


def _require(rows: Sequence[object], fields: Sequence[str], *, option: str, where: str) -> None:
    """Raise where a field of a view is empty in all rows.

    Raises:
        DataError: The message names the fields.
    """
    empty = [field for field in fields if not any(getattr(row, field) for row in rows)]
    if empty:
        raise DataError(
            f"{where}: {option} names {' and '.join(empty)}, which all {len(rows)} have empty, so this view equals "
            "another one. Leave the field out of the view."
        )


def extra_metrics(per_query: PerQuery, qrels: Mapping[str, Mapping[str, int]], *, closed: bool) -> dict[str, float]:
    """Return macro-R@1 and, for the closed pool, accuracy and macro-F1 of the first document.

    Macro figures give every gold syndrome the same weight, whatever its number of records. A record with several gold
    syndromes counts for the one that was retrieved, else for its first one.
    """
    first = dict(zip(per_query.query_ids.tolist(), per_query.top1.tolist(), strict=True))
    gold: list[str] = []
    predicted: list[str] = []
    for query, row in qrels.items():
        labels = [label for label, grade in row.items() if grade > 0]
        top = first.get(query, "")
        predicted.append(top)
        gold.append(top if top in labels else labels[0])
    hits: dict[str, list[bool]] = defaultdict(list)
    for label, top in zip(gold, predicted, strict=True):
        hits[label].append(label == top)
    metrics = {"macro_recall_at_1": sum(sum(h) / len(h) for h in hits.values()) / len(hits)}
    if closed:
        from sklearn.metrics import f1_score

        metrics["accuracy"] = sum(g == p for g, p in zip(gold, predicted, strict=True)) / len(gold)
        metrics["macro_f1"] = float(f1_score(gold, predicted, average="macro", zero_division=0))
    return metrics
