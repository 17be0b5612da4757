"""TCM-SD folders: clinical records, their gold syndromes, and the knowledge base of syndromes.

The data set circulates in many shapes (names of keys, JSON or JSON lines, encodings, one label or several).
All are read into the same records, so that a score can't depend on the copy of the data: the hash of
a folder covers its content, not the bytes of its files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench.data import fields, table_files, tcm_sd_files, values
from tcmbench.data.label_map import LabelMap, read_label_map
from tcmbench.data.lines import LineProblem, describe, read_text
from tcmbench.errors import BadLines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

RecordField = Literal["chief_complaint", "history", "examination"]

RECORD_FIELDS: dict[RecordField, str] = {"chief_complaint": "主诉", "history": "现病史", "examination": "体格检查"}
"""Field of a record that a query may contain → its heading, in the usual order."""

EntryField = Literal["name", "definition", "manifestations", "diseases"]

ENTRY_FIELDS: dict[EntryField, str] = {
    "name": "名称",
    "definition": "定义",
    "manifestations": "典型表现",
    "diseases": "常见疾病",
}
"""Field of an entry of the knowledge base that a document may contain → its heading, in the usual order."""

_ADVICE = "Fix or remove these lines and run again."


@dataclass(frozen=True, slots=True)
class Record:
    """One clinical record and its gold syndromes."""

    record_id: str
    """Unique within its split."""

    patient_id: str
    """Equal for all records of one patient; where the data names no patient, the split and the record's own id."""

    labels: tuple[str, ...]
    """Gold syndromes, at least one, without repeats."""

    chief_complaint: str
    """"" when missing, as all texts of a record."""

    history: str

    examination: str

    disease: str

    def query(self, fields: Iterable[RecordField] = tuple(RECORD_FIELDS)) -> str:
        """Return the text of the query: these fields of the record, one per line; "" where it has none of them."""
        texts = ((RECORD_FIELDS[field], getattr(self, field)) for field in fields)
        return "".join(f"{heading}：{text}\n" for heading, text in texts if text)

    def known_negatives(self) -> tuple[str, ...]:
        """Return the documents that the data gives as negatives; TCM-SD gives none."""
        return ()

    def batch_labels(self) -> tuple[str, ...]:
        """Return what keeps it apart from others in a batch besides its positives; TCM-SD gives nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Syndrome:
    """One entry of the knowledge base."""

    doc_id: str
    """The name, which is unique within a knowledge base."""

    name: str

    definition: str
    """"" when missing, as all texts but the name."""

    manifestations: str

    diseases: str

    def document(self, fields: Iterable[EntryField] = tuple(ENTRY_FIELDS)) -> str:
        """Return the text of the document: these fields of the entry, one per line; "" where it has none of them."""
        texts = ((field, getattr(self, field)) for field in fields)
        return "\n".join(f"{ENTRY_FIELDS[field]}：{text}{'。' * (field == 'name')}" for field, text in texts if text)


@dataclass(frozen=True, slots=True)
class Folder:
    """The content of a TCM-SD folder."""

    root: Path

    splits: Mapping[str, tuple[Record, ...]]
    """By name (train, dev, test, test_unseen …), in that order, records in file order."""

    knowledge: tuple[Syndrome, ...]
    """In file order."""

    vocabulary: tuple[str, ...]
    """The closed set of syndromes that classification chooses from; empty when the folder has none."""

    label_map: LabelMap | None

    sha256: str
    """Hash of the content (splits, knowledge base, vocabulary, label map), independent of the file format."""


# dataclasses.astuple copies deeply, which takes longer than reading the files.
_record_values = attrgetter(*(field.name for field in dataclass_fields(Record)))
_syndrome_values = attrgetter(*(field.name for field in dataclass_fields(Syndrome)))


class UnknownLabel(NamedTuple):
    """A gold label without an entry in the knowledge base."""

    split: str
    record_id: str
    label: str
    where: str
    """File and line."""


class Scan(NamedTuple):
    """The content of a folder before validation."""

    folder: Folder
    problems: tuple[str, ...]
    """Every bad line of every file, as file:line: reason."""

    unknown_labels: tuple[UnknownLabel, ...]


class _SplitRead(NamedTuple):
    records: tuple[Record, ...]
    lines: tuple[int, ...]
    problems: tuple[LineProblem, ...]


def read_folder(root: Path, *, splits: Sequence[str] | None = None) -> Folder:
    """Return a folder's records, knowledge base, vocabulary and label map, validated.

    Args:
        root: The folder.
        splits: Names of the splits to read; None reads all there are. The others are not opened.

    Raises:
        DataAbsent: The folder, its knowledge base or a requested split is missing.
        BadLines: Lines that can't be read, and gold labels the knowledge base doesn't hold, of all files.
        DataError: Two files for the same thing.
    """
    scan = scan_folder(root, splits=splits)
    strangers = [
        f"{u.where}: record {u.record_id}: {u.label} is not in the knowledge base" for u in scan.unknown_labels
    ]
    if scan.problems or strangers:
        advice = _ADVICE + (" A label map (label_map.txt) can rename labels." if strangers else "")
        raise BadLines([*scan.problems, *strangers], advice=advice)
    return scan.folder


def scan_folder(root: Path, *, splits: Sequence[str] | None = None) -> Scan:
    """Return the readable content of a folder and all problems.

    Raises:
        DataAbsent: The folder, its knowledge base or a requested split is missing.
        DataError: Two files for the same thing.
    """
    files = tcm_sd_files.find(root, splits)
    problems: list[str] = []
    label_map = None
    if files.label_map:
        read = read_label_map(files.label_map)
        label_map = LabelMap(read.entries)
        problems += [describe(files.label_map, problem) for problem in read.problems]
    knowledge, complaints = _read_knowledge(files.knowledge)
    problems += [describe(files.knowledge, problem) for problem in complaints]
    known = frozenset(syndrome.doc_id for syndrome in knowledge)
    records: dict[str, tuple[Record, ...]] = {}
    unknown: list[UnknownLabel] = []
    for split, path in files.splits.items():
        part = _read_split(path, split=split, known=known, label_map=label_map)
        records[split] = part.records
        problems += [describe(path, problem) for problem in part.problems]
        unknown += [
            UnknownLabel(split, record.record_id, label, f"{path}:{line}")
            for record, line in zip(part.records, part.lines, strict=True)
            for label in record.labels
            if label not in known
        ]
    vocabulary = _read_vocabulary(files.vocabulary) if files.vocabulary else ()
    sha256 = _content_sha256(records, knowledge, vocabulary, label_map)
    folder = Folder(root, records, knowledge, vocabulary, label_map, sha256)
    return Scan(folder, tuple(problems), tuple(unknown))


def anonymous_patient(split: str, record_id: str) -> str:
    """Return the patient of a record without a patient in the data: unique to the record and its split."""
    return f"{split}/{record_id}"


def _read_knowledge(path: Path) -> tuple[tuple[Syndrome, ...], list[LineProblem]]:
    entries: dict[str, Syndrome] = {}
    problems: list[LineProblem] = []
    for row in table_files.read_rows(path):
        if isinstance(row, LineProblem):
            problems.append(row)
            continue
        try:
            entry = _syndrome(row.value)
        except fields.FieldProblem as problem:
            problems.append(LineProblem(row.number, str(problem)))
            continue
        if entry.name in entries:
            problems.append(LineProblem(row.number, f"{entry.name}: a second entry of this name"))
        else:
            entries[entry.name] = entry
    if not entries and not problems:
        problems.append(LineProblem(1, "no entries"))
    return tuple(entries.values()), problems


def _syndrome(row: Mapping[str, object]) -> Syndrome:
    name = fields.text(row, fields.NAME)
    if not name:
        raise fields.FieldProblem(f"no name: expected one of {', '.join(fields.NAME)}; {values.keys(row)}")
    try:
        return Syndrome(
            doc_id=name,
            name=name,
            definition=fields.text(row, fields.DEFINITION),
            manifestations=fields.text(row, fields.MANIFESTATIONS),
            diseases=fields.text(row, fields.DISEASES),
        )
    except fields.FieldProblem as problem:
        raise fields.FieldProblem(f"{name}: {problem}") from problem


def _read_split(path: Path, *, split: str, known: frozenset[str], label_map: LabelMap | None) -> _SplitRead:
    records: list[Record] = []
    lines: list[int] = []
    problems: list[LineProblem] = []
    taken: set[str] = set()
    for row in table_files.read_rows(path):
        if isinstance(row, LineProblem):
            problems.append(row)
            continue
        record_id = ""
        try:
            own = fields.identifier(row.value, fields.RECORD_ID)
            record_id = _unique(own or f"{split}-{row.number}", taken)
            record = _record(row.value, record_id, split=split, known=known, label_map=label_map)
        except fields.FieldProblem as problem:
            who = f"record {record_id}: " if record_id else ""
            problems.append(LineProblem(row.number, f"{who}{problem}"))
            continue
        taken.add(record_id)
        records.append(record)
        lines.append(row.number)
    return _SplitRead(tuple(records), tuple(lines), tuple(problems))


def _record(
    row: Mapping[str, object],
    record_id: str,
    *,
    split: str,
    known: frozenset[str],
    label_map: LabelMap | None,
) -> Record:
    labels = _covered(fields.labels(row, fields.NORMALISED_LABELS), known=known, label_map=label_map)
    if not labels:
        labels = _normalised(fields.labels(row, fields.RAW_LABELS), known=known, label_map=label_map)
    if not labels:
        expected = ", ".join(fields.NORMALISED_LABELS + fields.RAW_LABELS)
        raise fields.FieldProblem(f"no label: expected one of {expected}; {values.keys(row)}")
    record = Record(
        record_id=record_id,
        patient_id=fields.identifier(row, fields.PATIENT_ID) or anonymous_patient(split, record_id),
        labels=labels,
        chief_complaint=fields.text(row, fields.CHIEF_COMPLAINT),
        history=fields.text(row, fields.HISTORY),
        examination=fields.text(row, fields.EXAMINATION),
        disease=fields.text(row, fields.DISEASE),
    )
    if not (record.chief_complaint or record.history or record.examination):
        raise fields.FieldProblem(
            f"empty query: no chief complaint, history or examination under any known key; {values.keys(row)}"
        )
    return record


def _normalised(labels: tuple[str, ...], *, known: frozenset[str], label_map: LabelMap | None) -> tuple[str, ...]:
    """Rename labels that the knowledge base doesn't contain; names unknown to both are kept and reported as unknown."""
    if label_map is None:
        return labels
    renamed = (label if label in known else (label_map.normalise(label) or label) for label in labels)
    return tuple(dict.fromkeys(renamed))


def _covered(labels: tuple[str, ...], *, known: frozenset[str], label_map: LabelMap | None) -> tuple[str, ...]:
    """Rename labels that the knowledge base doesn't contain, where the map leads to one that it does."""
    if label_map is None or known.issuperset(labels):
        return labels
    renamed = ((label, label_map.normalise(label)) for label in labels)
    return tuple(dict.fromkeys(new if label not in known and new in known else label for label, new in renamed))


def _unique(record_id: str, taken: set[str]) -> str:
    if record_id not in taken:
        return record_id
    count = 2
    while f"{record_id}#{count}" in taken:
        count += 1
    return f"{record_id}#{count}"


def _read_vocabulary(path: Path) -> tuple[str, ...]:
    lines = (line.strip().removeprefix("\ufeff") for line in read_text(path).split("\n"))
    return tuple(dict.fromkeys(line for line in lines if line))


def _content_sha256(
    splits: Mapping[str, Iterable[Record]],
    knowledge: Iterable[Syndrome],
    vocabulary: Iterable[str],
    label_map: LabelMap | None,
) -> str:
    """Return the hash of the contents, the same in any order and shape of the files."""
    parts = [f"split {name}\n{_digest(map(_record_values, splits[name]))}" for name in sorted(splits)]
    parts.append(f"knowledge\n{_digest(map(_syndrome_values, knowledge))}")
    parts.append(f"vocabulary\n{_digest((name,) for name in vocabulary)}")
    entries = label_map.entries.items() if label_map else ()
    parts.append(f"label map\n{_digest((raw, *entry) for raw, entry in entries)}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _digest(rows: Iterable[tuple[object, ...]]) -> str:
    digests = sorted(hashlib.sha256(repr(row).encode()).digest() for row in rows)
    return hashlib.sha256(b"".join(digests)).hexdigest()
