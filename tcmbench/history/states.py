"""The state of a set as a run logs it, from its entries."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tcmbench.history.log import LoggedModel, LoggedScore, LoggedTask, RunState
from tcmbench.records.provenance import merged_versions
from tcmbench.store import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.records.entry import Entry
    from tcmbench.records.score import Score
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.suite import Suite

_DIGITS = 4


def now() -> str:
    """Return the present time as logged: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def state_of(
    model_set: ModelSet,
    suite: Suite,
    entries: Sequence[Entry],
    *,
    commit: str,
    intervals: Mapping[str, Mapping[str, tuple[float | None, float | None]]] | None = None,
) -> RunState:
    """Return the present state of a set; models and columns without a score are left out.

    Args:
        model_set: The set.
        suite: Its suite.
        entries: One per model.
        commit: Commit of the workspace.
        intervals: Model → column → ends of the score's interval, in points.
    """
    scored = {entry.name: {c: scores for c, scores in entry.scores.items() if scores} for entry in entries}
    first = {column: scores[0] for of_model in scored.values() for column, scores in of_model.items()}
    records = [score.record for of_model in scored.values() for scores in of_model.values() for score in scores]
    ends = intervals or {}
    return RunState(
        set=model_set.name,
        time=now(),
        commit=commit,
        suite=suite.name,
        reference=model_set.reference,
        packages=merged_versions(record.provenance.packages for record in records),
        hardware=", ".join(sorted({record.provenance.hardware for record in records} - {""})),
        tasks={
            column.column: LoggedTask(
                task=column.task,
                split=column.split,
                subset=column.subset,
                role=column.role,
                metric=first[column.column].record.metric,
                items=first[column.column].record.items,
                revision=first[column.column].record.task_revision,
            )
            for column in suite.tasks
            if column.column in first
        },
        models={
            entry.name: LoggedModel(
                kind=entry.kind,
                revisions=_revisions(scored[entry.name]),
                recipe=hashlib.sha256(canonical_json({**entry.recipe}).encode()).hexdigest()[:16],
                of=entry.of,
                trainsets=entry.provenance.get("training set", ""),
                scores={
                    column: LoggedScore(_points(scores), *map(_rounded, ends.get(entry.name, {}).get(column, ())))
                    for column, scores in scored[entry.name].items()
                },
            )
            for entry in entries
            if scored[entry.name]
        },
    )


def _rounded(points: float | None) -> float | None:
    return None if points is None else round(points, _DIGITS)


def _points(scores: Sequence[Score]) -> float:
    return round(100 * sum(score.record.value for score in scores) / len(scores), _DIGITS)


def _revisions(scores: Mapping[str, Sequence[Score]]) -> tuple[str, ...]:
    """Return the revision of each seed's model, which all columns have in common."""
    return tuple(score.record.model_revision for score in next(iter(scores.values())))
