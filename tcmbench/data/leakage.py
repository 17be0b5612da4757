"""Overlap of a training set with the evaluation tasks.

A score on a text of the training set is meaningless. The queries and positives of the training rows are compared
with the texts of each evaluation task, as exact and near copies, and so are the patients of both. Negatives are
not compared, because a text that served as a negative gives a model no advantage.

Texts must come without prompts: an instruction before every query makes short queries similar.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from tcmbench import strict_json
from tcmbench.data import duplicates
from tcmbench.records.reason import Reason, Reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tcmbench.data.formats import TrainingRow
    from tcmbench.data.tcm_sd import Folder
    from tcmbench.store import Json

Kind = Literal["queries", "documents", "pairs"]
"""Kind of a task's texts; "pairs" for both sides of scored pairs, or single texts with a class."""

Side = Literal["query", "positive"]

_SIDES: tuple[Side, ...] = ("query", "positive")
_EXAMPLES = 5
_NAMED = 4
"""Largest number of tasks that a summary names; the report names all."""


@dataclass(frozen=True, slots=True)
class EvaluationTexts:
    """The texts of one task that must not be in the training set."""

    task: str

    kind: Kind

    texts: Mapping[str, str]
    """By id."""

    patients: frozenset[str] = frozenset()
    """Patients behind the texts; only where training names patients by the same ids."""

    may_be_learnt: bool = False
    """Whether the training set may contain these texts: the knowledge base is the same in training and evaluation,
    only the queries must be new."""


class Match(NamedTuple):
    """One training row and one evaluation text that are copies."""

    row: str
    """Query id of the training row, else its number."""

    text: str
    """Id of the evaluation text."""

    similarity: float
    """Jaccard index of their trigrams; 1.0 for exact copies."""


@dataclass(frozen=True, slots=True)
class Leak:
    """Overlap of one side of the training rows with the texts of one task."""

    task: str
    kind: Kind
    side: Side

    exact: int
    """Training rows that are exact copies of a text."""

    near: int
    """Further rows that are near copies of one."""

    texts: int
    """Evaluation texts with a copy, of `of_texts`."""

    of_texts: int

    is_counted: bool
    """Whether such rows are leaks; False where the training set may contain the texts."""

    examples: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class SharedPatients:
    """Patients who are both in the training set and in one task."""

    task: str
    kind: Kind
    patients: int
    rows: int
    """Training rows of these patients."""

    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeakageReport:
    """Overlap of a training set with a list of tasks."""

    rows: int
    threshold: float
    leaks: tuple[Leak, ...]
    """One per compared task and side, including those without overlap."""

    patients: tuple[SharedPatients, ...]
    """One per task with shared patients."""

    leaking_rows: tuple[int, ...]
    """Positions of the rows that leak, by a counted copy or a shared patient; ascending."""

    not_looked_into: tuple[str, ...] = ()
    """Further evaluation tasks whose texts are not available for comparison."""

    def summary(self) -> Reasons:
        """Return the report in one line, with the first of the tasks that were not compared."""
        if not self.not_looked_into:
            return Reasons([self._found()])
        unseen, more = ", ".join(self.not_looked_into[:_NAMED]), len(self.not_looked_into) - _NAMED
        if more > 0:
            return Reasons([self._found(), Reason.of("leaks_unseen_more", tasks=unseen, more=more)])
        return Reasons([self._found(), Reason.of("leaks_unseen", tasks=unseen)])

    def _found(self) -> Reason:
        if not self.leaks:
            return Reason.of("leaks_unknown")
        if not self.leaking_rows:
            return Reason.of("leaks_none", rows=f"{self.rows:,}")
        counted = {leak.task for leak in self.leaks if leak.is_counted and leak.exact + leak.near}
        tasks = ", ".join(sorted(counted | {shared.task for shared in self.patients}))
        return Reason.of("leaks_some", leaking=f"{len(self.leaking_rows):,}", rows=f"{self.rows:,}", tasks=tasks)

    def to_json(self) -> dict[str, Json]:
        """Return the report as JSON values."""
        return cast("dict[str, Json]", strict_json.loads(json.dumps(asdict(self), ensure_ascii=False)))


def find_leaks(
    rows: Sequence[TrainingRow],
    evaluations: Sequence[EvaluationTexts],
    *,
    patients: Sequence[str] = (),
    threshold: float = duplicates.DEFAULT_THRESHOLD,
) -> LeakageReport:
    """Return the overlap of the rows with the evaluations.

    Args:
        rows: Training rows, queries without prompts.
        evaluations: Texts of the tasks, one entry per task and kind.
        patients: Patient of each row; () when unknown, "" for a row without.
        threshold: Jaccard index of character trigrams from which two texts are near copies.
    """
    sides = {side: _Side.of(rows, side) for side in _SIDES}
    leaking: set[int] = set()
    leaks: list[Leak] = []
    shared: list[SharedPatients] = []
    for evaluation in evaluations:
        texts = duplicates.prepare(evaluation.texts.values())
        for side in _SIDES:
            found = sides[side].matches(texts, threshold=threshold)
            leak = _leak(evaluation, side, found, rows)
            leaks.append(leak)
            if leak.is_counted:
                leaking |= found.keys()
        theirs = [n for n, patient in enumerate(patients) if patient in evaluation.patients]
        if theirs:
            leaking.update(theirs)
            names = sorted({patients[n] for n in theirs})
            examples = tuple(names[:_EXAMPLES])
            shared.append(SharedPatients(evaluation.task, evaluation.kind, len(names), len(theirs), examples))
    return LeakageReport(len(rows), threshold, tuple(leaks), tuple(shared), tuple(sorted(leaking)))


def joined(parts: Sequence[LeakageReport]) -> LeakageReport:
    """Return the reports on consecutive parts of the rows as one.

    Of an evaluation text that has copies in several parts, each counts; no patients are compared.
    """
    first, starts = parts[0], itertools.accumulate((part.rows for part in parts), initial=0)
    leaks = []
    for same in zip(*(part.leaks for part in parts), strict=True):
        examples = tuple(match for leak in same for match in leak.examples)[:_EXAMPLES]
        texts = min(same[0].of_texts, sum(leak.texts for leak in same))
        exact, near = sum(leak.exact for leak in same), sum(leak.near for leak in same)
        leaks.append(replace(same[0], exact=exact, near=near, texts=texts, examples=examples))
    leaking = tuple(start + number for start, part in zip(starts, parts, strict=False) for number in part.leaking_rows)
    return replace(first, rows=sum(part.rows for part in parts), leaks=tuple(leaks), leaking_rows=leaking)


def texts_of_folder(task: str, folder: Folder, splits: Iterable[str]) -> tuple[EvaluationTexts, ...]:
    """Return the queries (with their patients) and the documents, which training may contain, of a TCM-SD task."""
    documents = {entry.doc_id: entry.document() for entry in folder.knowledge}
    records = [(split, record) for split in splits for record in folder.splits[split]]
    return (
        EvaluationTexts(
            task,
            "queries",
            {f"{split}/{record.record_id}": record.query() for split, record in records},
            frozenset(record.patient_id for _, record in records),
        ),
        EvaluationTexts(task, "documents", documents, may_be_learnt=True),
    )


@dataclass(frozen=True)
class _Side:
    """One side of the training rows, prepared once for all tasks."""

    texts: duplicates.ComparedTexts

    owners: tuple[int, ...]
    """The row of each text."""

    @classmethod
    def of(cls, rows: Sequence[TrainingRow], side: Side) -> _Side:
        """Return the queries, or the positives, of the rows."""
        pairs = [
            (text, number)
            for number, row in enumerate(rows)
            for text in ((row.query,) if side == "query" else row.positives)
        ]
        return cls(duplicates.prepare(text for text, _ in pairs), tuple(number for _, number in pairs))

    def matches(self, texts: duplicates.ComparedTexts, *, threshold: float) -> dict[int, dict[int, float]]:
        """Return, by row, the positions of the texts that it copies with their similarity; 1.0 is exact."""
        found: defaultdict[int, dict[int, float]] = defaultdict(dict)
        for ours, theirs in duplicates.exact_matches(self.texts, texts):
            for position in ours:
                found[self.owners[position]].update(dict.fromkeys(theirs, 1.0))
        our_copies = {group[0]: group for group in self.texts.positions}
        their_copies = {group[0]: group for group in texts.positions}
        for pair in duplicates.near_matches(self.texts, texts, threshold=threshold):
            for position in our_copies[pair.left]:
                met = found[self.owners[position]]
                for text in their_copies[pair.right]:
                    met[text] = max(met.get(text, 0.0), pair.similarity)
        return dict(found)


def _leak(
    evaluation: EvaluationTexts,
    side: Side,
    found: Mapping[int, Mapping[int, float]],
    rows: Sequence[TrainingRow],
) -> Leak:
    ids = list(evaluation.texts)
    exact = {number for number, met in found.items() if max(met.values()) >= 1.0}
    matches = sorted(
        ((number, text, similarity) for number, met in found.items() for text, similarity in met.items()),
        key=lambda match: (-match[2], match[0], match[1]),
    )
    return Leak(
        task=evaluation.task,
        kind=evaluation.kind,
        side=side,
        exact=len(exact),
        near=len(found) - len(exact),
        texts=len({text for met in found.values() for text in met}),
        of_texts=len(ids),
        is_counted=not evaluation.may_be_learnt,
        examples=tuple(
            Match(rows[number].query_id or str(number), ids[text], round(similarity, 3))
            for number, text, similarity in matches[:_EXAMPLES]
        ),
    )
