"""TCM-SD folders as a collection: records are queries, the knowledge base is the corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data.formats import Collection, Document, _rows
from tcmbench.data.tcm_sd import anonymous_patient, read_folder
from tcmbench.data.tcm_sd_files import is_split
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tcmbench.data.formats import Holds, Part
    from tcmbench.store import Json

HOLDS: Holds = "collection"
KEEPS: frozenset[Part] = frozenset({"query_id", "splits", "patient_id", "disease", "unjudged_documents"})

_RECORD_KEYS = {"主诉": "chief_complaint", "现病史": "description", "体格检查": "detection"}
_SYNDROME_KEYS = {
    "名称": "Name",
    "定义": "Definition",
    "典型表现": "Typical_performance",
    "常见疾病": "Common_isease",
}


def read(path: Path) -> Collection:
    """Return all splits of a folder; a record id that occurs in several splits is prefixed with the split's name."""
    folder = read_folder(path)
    queries: dict[str, str] = {}
    qrels: dict[str, dict[str, dict[str, int]]] = {}
    patients: dict[str, str] = {}
    diseases: dict[str, str] = {}
    for split, records in folder.splits.items():
        qrels[split] = {}
        for record in records:
            query_id = record.record_id if record.record_id not in queries else f"{split}/{record.record_id}"
            queries[query_id] = record.query()
            qrels[split][query_id] = dict.fromkeys(record.labels, 1)
            if record.patient_id != anonymous_patient(split, record.record_id):
                patients[query_id] = record.patient_id
            if record.disease:
                diseases[query_id] = record.disease
    corpus = {syndrome.doc_id: Document(syndrome.document()) for syndrome in folder.knowledge}
    return Collection(queries, corpus, qrels, patients, diseases)


def write(collection: Collection, path: Path) -> None:
    """Write the folder: texts with the headings of records and syndromes are split into their fields.

    A query without headings becomes the history of a record, a document without headings the definition of a
    syndrome named by its id.

    Raises:
        DataError: The folder already contains files, a split that TCM-SD has no file for, two documents of one
            name, or a query without answer.
    """
    _rows.require_empty(path)
    names = _names(collection, path)
    for split, judged in collection.qrels.items():
        if not is_split(split):
            raise DataError(f"{path}: split {split!r}: TCM-SD has train, dev, test and test_…. Rename it.")
        unanswered = [query_id for query_id, grades in judged.items() if not any(g > 0 for g in grades.values())]
        if unanswered:
            named = [
                f"{query_id} ({where})" if (where := collection.where.get(query_id)) else query_id
                for query_id in unanswered
            ]
            raise DataError(f"{path}: queries without a positive: {', '.join(named)}. Leave them out.")
    _rows.write_rows(_syndromes(collection, names), path / "syndrome_knowledge.jsonl")
    for split, judged in collection.qrels.items():
        _rows.write_rows(_records(collection, judged, names), path / f"{split}.jsonl")


def _names(collection: Collection, path: Path) -> dict[str, str]:
    """Return each document's syndrome name: the one in its text, else its id."""
    names: dict[str, str] = {}
    owners: dict[str, str] = {}
    for doc_id, document in collection.corpus.items():
        stated = _fields(document.full_text(), _SYNDROME_KEYS).get("Name", "").removesuffix("。")
        name = stated or doc_id
        if "|" in name:
            raise DataError(f"{path}: document {doc_id}: a syndrome's name can't hold '|', which joins labels.")
        if name in owners:
            raise DataError(f"{path}: documents {owners[name]} and {doc_id} are both named {name}. Merge them.")
        owners[name] = doc_id
        names[doc_id] = name
    return names


def _syndromes(collection: Collection, names: Mapping[str, str]) -> Iterator[dict[str, Json]]:
    for doc_id, document in collection.corpus.items():
        text = document.full_text()
        fields = _fields(text, _SYNDROME_KEYS) or {"Definition": text}
        row = {key: fields.get(key, "") for key in _SYNDROME_KEYS.values()}
        yield {**row, "Name": names[doc_id]}


def _records(
    collection: Collection, judged: Mapping[str, Mapping[str, int]], names: Mapping[str, str]
) -> Iterator[dict[str, Json]]:
    for query_id, grades in judged.items():
        text = collection.queries[query_id]
        fields = _fields(text, _RECORD_KEYS) or {"description": text}
        label = "|".join(names[doc_id] for doc_id, grade in grades.items() if grade > 0)
        row = {key: fields.get(key, "") for key in _RECORD_KEYS.values()}
        known: dict[str, Json] = {"example_id": query_id}
        if query_id in collection.patients:
            known["user_id"] = collection.patients[query_id]
        if query_id in collection.diseases:
            known["lcd_name"] = collection.diseases[query_id]
        yield {**known, "syndrome": label, "norm_syndrome": label, **row}


def _fields(text: str, keys: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a text whose lines start with headings, in their order; {} for any other text."""
    found: dict[str, str] = {}
    order = list(keys)
    current = ""
    for line in text.rstrip("\n").split("\n"):
        heading, colon, rest = line.partition("：")
        if colon and heading in order:
            order = order[order.index(heading) + 1 :]
            current = keys[heading]
            found[current] = rest
        elif not current:
            return {}
        else:
            found[current] += f"\n{line}"
    return found if any(value.strip() for value in found.values()) else {}
