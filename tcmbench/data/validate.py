"""Summary of a TCM-SD folder, and whether it is suitable for training and evaluation.

Nothing here shows the text of a record: records are named by split and id, syndromes by name.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, cast

from tcmbench import strict_json
from tcmbench.data import duplicates
from tcmbench.data.tcm_sd import scan_folder
from tcmbench.errors import BadLines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder, Record, Scan
    from tcmbench.store import Json

OFFICIAL_COUNTS = {"train": 43_180, "dev": 5_486, "test": 5_486, "knowledge": 1_027, "vocabulary": 148}
"""Sizes of TCM-SD as published (Mucheng Ren et al., "TCM-SD", CCL 2022)."""

_HEAD = 100
_TAIL = 20
_EXAMPLES = 5
_RECORD_FIELDS = ("chief_complaint", "history", "examination", "disease")
_SYNDROME_FIELDS = ("definition", "manifestations", "diseases")


@dataclass(frozen=True, slots=True)
class SplitReport:
    """One split."""

    name: str

    records: int

    patients: int

    labels: int
    """Distinct syndromes."""

    multi_label: int
    """Records with more than one syndrome."""

    labels_not_in_train: int
    """Distinct syndromes that no training record has."""

    empty_fields: Mapping[str, int]
    """Records without the field, by field."""


@dataclass(frozen=True, slots=True)
class LabelReport:
    """The gold syndromes of all splits together."""

    distinct: int

    head: int
    """Syndromes with at least 100 training records (all records, where there is no training split)."""

    mid: int
    """Syndromes with 20 to 99."""

    tail: int
    """Syndromes with fewer than 20, or none."""

    not_in_knowledge: Mapping[str, int]
    """Syndromes that the knowledge base doesn't contain, with numbers of records."""

    not_in_vocabulary: Mapping[str, int]
    """Syndromes that the vocabulary doesn't contain, with numbers of records; empty without a vocabulary."""

    vocabulary_not_in_knowledge: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnowledgeReport:
    """The knowledge base."""

    entries: int

    empty_fields: Mapping[str, int]

    same_text: tuple[tuple[str, ...], ...]
    """Names of entries with equal texts."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Copies within one split, or across two."""

    left: str

    right: str
    """The same as `left` for copies within a split."""

    exact: int
    """Records of `right` that are exact copies of one in `left` (within: of an earlier one)."""

    conflicting: int
    """Those among them whose syndromes differ from the copy's."""

    near: int
    """Pairs of near copies, with exact copies counted as one text."""

    examples: tuple[tuple[str, str, float], ...]
    """Ids of the first few pairs and the Jaccard index of their trigrams (1.0 for exact copies)."""


@dataclass(frozen=True, slots=True)
class SplitsSharePatients:
    """Patients with records in two splits."""

    left: str
    right: str
    patients: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfficialCheck:
    """Whether the folder has the sizes of TCM-SD as published."""

    expected: Mapping[str, int]
    found: Mapping[str, int]

    @property
    def is_official(self) -> bool:
        """Whether all sizes agree."""
        return dict(self.expected) == dict(self.found)


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """Summary of a folder."""

    root: str
    sha256: str
    splits: tuple[SplitReport, ...]
    labels: LabelReport
    knowledge: KnowledgeReport
    vocabulary: int
    label_map: int
    """Entries of the label map."""

    threshold: float
    """Jaccard index from which texts are near copies."""

    overlaps: tuple[Overlap, ...]
    """Within each split, then across each pair, including those without copies."""

    shared_patients: tuple[SplitsSharePatients, ...]
    """Pairs of splits with shared patients."""

    official: OfficialCheck

    @property
    def is_usable(self) -> bool:
        """Whether the folder can be used for scoring: every gold syndrome is in the knowledge base."""
        return not self.labels.not_in_knowledge

    def to_json(self) -> dict[str, Json]:
        """Return the report as JSON values."""
        values = asdict(self)
        values["is_usable"] = self.is_usable
        values["official"]["is_official"] = self.official.is_official
        return cast("dict[str, Json]", strict_json.loads(json.dumps(values, ensure_ascii=False)))


def validate(root: Path, *, threshold: float = duplicates.DEFAULT_THRESHOLD) -> ValidationReport:
    """Return the summary of a folder.

    Args:
        root: The TCM-SD folder.
        threshold: Jaccard index of character trigrams from which two texts are near copies.

    Raises:
        BadLines: Lines that can't be read, of all files.
        DataAbsent: The folder or its knowledge base is missing.
        DataError: Two files for the same thing.
    """
    scan = scan_folder(root)
    if scan.problems:
        raise BadLines(scan.problems, advice="Fix or remove these lines and run again.")
    folder = scan.folder
    train = {label for record in folder.splits.get("train", ()) for label in record.labels}
    return ValidationReport(
        root=str(root),
        sha256=folder.sha256,
        splits=tuple(_split(name, records, train) for name, records in folder.splits.items()),
        labels=_labels(scan),
        knowledge=_knowledge(folder),
        vocabulary=len(folder.vocabulary),
        label_map=len(folder.label_map.entries) if folder.label_map else 0,
        threshold=threshold,
        overlaps=_overlaps(folder.splits, threshold=threshold),
        shared_patients=_shared_patients(folder.splits),
        official=_official(folder),
    )


def _split(name: str, records: Sequence[Record], train: set[str]) -> SplitReport:
    labels = {label for record in records for label in record.labels}
    return SplitReport(
        name=name,
        records=len(records),
        patients=len({record.patient_id for record in records}),
        labels=len(labels),
        multi_label=sum(len(record.labels) > 1 for record in records),
        labels_not_in_train=len(labels - train),
        empty_fields=_empty(records, _RECORD_FIELDS),
    )


def _empty(items: Iterable[object], names: Sequence[str]) -> dict[str, int]:
    empty = Counter(name for item in items for name in names if not getattr(item, name))
    return {name: empty[name] for name in names}


def _labels(scan: Scan) -> LabelReport:
    folder = scan.folder
    everything = [record for records in folder.splits.values() for record in records]
    counted = Counter(label for record in folder.splits.get("train", everything) for label in record.labels)
    distinct = {label for record in everything for label in record.labels}
    sizes = [counted[label] for label in distinct]
    known = {syndrome.name for syndrome in folder.knowledge}
    vocabulary = frozenset(folder.vocabulary)
    outside = Counter(label for r in everything for label in r.labels if vocabulary and label not in vocabulary)
    return LabelReport(
        distinct=len(distinct),
        head=sum(size >= _HEAD for size in sizes),
        mid=sum(_TAIL <= size < _HEAD for size in sizes),
        tail=sum(size < _TAIL for size in sizes),
        not_in_knowledge=_by_count(unknown.label for unknown in scan.unknown_labels),
        not_in_vocabulary=_by_count(outside.elements()),
        vocabulary_not_in_knowledge=tuple(name for name in folder.vocabulary if name not in known),
    )


def _by_count(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name occurs, most frequent first, then by name."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _knowledge(folder: Folder) -> KnowledgeReport:
    bodies = duplicates.prepare(f"{s.definition}\n{s.manifestations}\n{s.diseases}" for s in folder.knowledge)
    return KnowledgeReport(
        entries=len(folder.knowledge),
        empty_fields=_empty(folder.knowledge, _SYNDROME_FIELDS),
        same_text=tuple(
            tuple(folder.knowledge[position].name for position in group) for group in duplicates.exact_groups(bodies)
        ),
    )


def _overlaps(splits: Mapping[str, Sequence[Record]], *, threshold: float) -> tuple[Overlap, ...]:
    prepared = {name: duplicates.prepare(map(_body, records)) for name, records in splits.items()}
    within = [_within(name, splits[name], prepared[name], threshold=threshold) for name in splits]
    across = [
        _across((a, b), (splits[a], splits[b]), (prepared[a], prepared[b]), threshold=threshold)
        for a, b in combinations(splits, 2)
    ]
    return (*within, *across)


def _body(record: Record) -> str:
    """Return the text of a record, without the names of its fields, which are common to all records."""
    return f"{record.chief_complaint}\n{record.history}\n{record.examination}"


def _within(name: str, records: Sequence[Record], texts: duplicates.ComparedTexts, *, threshold: float) -> Overlap:
    exact = [(group[0], copy) for group in duplicates.exact_groups(texts) for copy in group[1:]]
    near = duplicates.near_pairs(texts, threshold=threshold)
    return _overlap((name, name), (records, records), exact, near)


def _across(
    names: tuple[str, str],
    records: tuple[Sequence[Record], Sequence[Record]],
    texts: tuple[duplicates.ComparedTexts, duplicates.ComparedTexts],
    *,
    threshold: float,
) -> Overlap:
    matches = duplicates.exact_matches(*texts)
    exact = [(left[0], copy) for left, right in matches for copy in right]
    near = duplicates.near_matches(*texts, threshold=threshold)
    return _overlap(names, records, exact, near)


def _overlap(
    names: tuple[str, str],
    records: tuple[Sequence[Record], Sequence[Record]],
    exact: Sequence[tuple[int, int]],
    near: Sequence[duplicates.NearPair],
) -> Overlap:
    left, right = records
    pairs = [*((a, b, 1.0) for a, b in exact), *near]
    return Overlap(
        left=names[0],
        right=names[1],
        exact=len(exact),
        conflicting=sum(set(left[a].labels) != set(right[b].labels) for a, b in exact),
        near=len(near),
        examples=tuple((left[a].record_id, right[b].record_id, round(s, 3)) for a, b, s in pairs[:_EXAMPLES]),
    )


def _shared_patients(splits: Mapping[str, Sequence[Record]]) -> tuple[SplitsSharePatients, ...]:
    patients = {name: {record.patient_id for record in records} for name, records in splits.items()}
    overlaps = []
    for left, right in combinations(splits, 2):
        shared = sorted(patients[left] & patients[right])
        if shared:
            overlaps.append(SplitsSharePatients(left, right, len(shared), tuple(shared[:_EXAMPLES])))
    return tuple(overlaps)


def _official(folder: Folder) -> OfficialCheck:
    found = {name: len(folder.splits.get(name, ())) for name in ("train", "dev", "test")}
    found |= {"knowledge": len(folder.knowledge), "vocabulary": len(folder.vocabulary)}
    return OfficialCheck(expected=OFFICIAL_COUNTS, found=found)
