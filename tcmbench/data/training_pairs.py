"""Pairs as training data: queries in place of records, documents in place of the knowledge base."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.data.tcm_sd import Folder, Record, Syndrome, anonymous_patient
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tcmbench.data.formats import Collection
    from tcmbench.data.tcm_sd import EntryField, RecordField

TRAIN, DEV = "train", "dev"


@dataclass(frozen=True, slots=True)
class PairRecord(Record):
    """A query; its labels are the ids of its positives."""

    text: str

    negatives: tuple[str, ...]
    """Ids of its negatives, in the order of the file."""

    groups: tuple[str, ...] = ()
    """Values of the column that keeps queries apart in batches."""

    def query(self, fields: Iterable[RecordField] = ()) -> str:
        """Return the text, which has no fields."""
        del fields
        return self.text

    def known_negatives(self) -> tuple[str, ...]:
        """Return the negatives."""
        return self.negatives

    def batch_labels(self) -> tuple[str, ...]:
        """Return the groups, written as no id of a document is."""
        return tuple(f"={group}" for group in self.groups)


@dataclass(frozen=True, slots=True)
class PairDocument(Syndrome):
    """A document, which is one text without fields."""

    text: str

    def document(self, fields: Iterable[EntryField] = ()) -> str:
        """Return the text, which has no fields."""
        del fields
        return self.text


def folder_of(collection: Collection, path: Path) -> Folder:
    """Return the splits train and dev of a collection as a folder; a document graded 0 or below is a negative.

    Raises:
        DataError: No query of train has a positive.
    """
    splits = {split: tuple(_records(collection, split)) for split in (TRAIN, DEV) if split in collection.qrels}
    if not splits.get(TRAIN):
        raise DataError(f"{path}: no query has a positive, so there is nothing to train on.")
    documents = tuple(_document(doc_id, document.full_text()) for doc_id, document in collection.corpus.items())
    given = {split: records for split, records in splits.items() if records}
    return Folder(path, given, documents, (), None, _sha256(given.values(), documents))


def _records(collection: Collection, split: str) -> list[PairRecord]:
    return [
        PairRecord(
            record_id=query_id,
            patient_id=collection.patients.get(query_id) or anonymous_patient(split, query_id),
            labels=tuple(doc_id for doc_id, grade in judged.items() if grade > 0),
            chief_complaint="",
            history="",
            examination="",
            disease="",
            text=collection.queries[query_id],
            negatives=tuple(doc_id for doc_id, grade in judged.items() if grade <= 0),
            groups=collection.groups.get(query_id, ()),
        )
        for query_id, judged in collection.qrels[split].items()
        if any(grade > 0 for grade in judged.values())
    ]


def _document(doc_id: str, text: str) -> PairDocument:
    return PairDocument(doc_id=doc_id, name=doc_id, definition="", manifestations="", diseases="", text=text)


def _sha256(splits: Iterable[tuple[PairRecord, ...]], documents: tuple[PairDocument, ...]) -> str:
    digest = hashlib.sha256(b"pairs\n")
    for record in (record for records in splits for record in records):
        parts: tuple[object, ...] = (record.record_id, record.text, record.labels, record.negatives)
        digest.update(f"{(*parts, record.groups) if record.groups else parts!r}\n".encode())
    for document in documents:
        digest.update(f"{(document.doc_id, document.text)!r}\n".encode())
    return digest.hexdigest()
