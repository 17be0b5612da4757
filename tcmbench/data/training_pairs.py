"""A table of pairs as training data: queries in place of records, documents in place of the knowledge base."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.data import tables
from tcmbench.data.formats import gather
from tcmbench.data.tcm_sd import Folder, Record, Syndrome, anonymous_patient
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tcmbench.data.formats import Collection
    from tcmbench.data.tcm_sd import EntryField, RecordField

TRAIN = "train"


@dataclass(frozen=True, slots=True)
class PairRecord(Record):
    """A query; its labels are the ids of its positives."""

    text: str

    negatives: tuple[str, ...]
    """Ids of its negatives, in the order of the file."""

    def query(self, fields: Iterable[RecordField] = ()) -> str:
        """Return the text, which has no fields."""
        del fields
        return self.text

    def known_negatives(self) -> tuple[str, ...]:
        """Return the negatives."""
        return self.negatives


@dataclass(frozen=True, slots=True)
class PairDocument(Syndrome):
    """A document, which is one text without fields."""

    text: str

    def document(self, fields: Iterable[EntryField] = ()) -> str:
        """Return the text, which has no fields."""
        del fields
        return self.text


def read_folder(path: Path, columns: Mapping[str, str] | None = None) -> Folder:
    """Return a table of pairs as the train split of a folder.

    Rows of one query are one record, equal texts one document; a document graded 0 or below is a negative.

    Args:
        path: The file.
        columns: Column of `tables.COLUMNS` → its name in the file, where it isn't a common one.

    Raises:
        DataAbsent: There is no such file.
        BadLines: Rows that can't be read or that contradict each other.
        DataError: No query has a positive; or as `tables.training_rows`.
    """
    collection = gather(tables.training_rows(path, columns), split=TRAIN).collection
    records = tuple(_records(collection))
    if not records:
        raise DataError(f"{path}: no query has a positive, so there is nothing to train on.")
    documents = tuple(_document(doc_id, document.text) for doc_id, document in collection.corpus.items())
    return Folder(path, {TRAIN: records}, documents, (), None, _sha256(records, documents))


def _records(collection: Collection) -> list[PairRecord]:
    return [
        PairRecord(
            record_id=query_id,
            patient_id=anonymous_patient(TRAIN, query_id),
            labels=tuple(doc_id for doc_id, grade in judged.items() if grade > 0),
            chief_complaint="",
            history="",
            examination="",
            disease="",
            text=collection.queries[query_id],
            negatives=tuple(doc_id for doc_id, grade in judged.items() if grade <= 0),
        )
        for query_id, judged in collection.qrels[TRAIN].items()
        if any(grade > 0 for grade in judged.values())
    ]


def _document(doc_id: str, text: str) -> PairDocument:
    return PairDocument(doc_id=doc_id, name=doc_id, definition="", manifestations="", diseases="", text=text)


def _sha256(records: tuple[PairRecord, ...], documents: tuple[PairDocument, ...]) -> str:
    digest = hashlib.sha256(b"pairs\n")
    for record in records:
        digest.update(f"{(record.record_id, record.text, record.labels, record.negatives)!r}\n".encode())
    for document in documents:
        digest.update(f"{(document.doc_id, document.text)!r}\n".encode())
    return digest.hexdigest()
