"""Large corpora in parts, so that all workers share what would otherwise be one job of hours.

A part is what a search encodes at once, so that the vectors are those of a run without parts, to the last bit: the job
that measures finds them in the cache.
"""

from __future__ import annotations

import functools
from pathlib import Path  # noqa: TC003 - an argument of a cached function
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import tasks
from tcmbench.task_types.scoring import CORPUS_CHUNK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.records.task import Task
    from tcmbench.specs.base import Base

_LEAST_BYTES = 10
"""Of a document in a file; a file with fewer bytes per part isn't read for its number of documents."""


class CorpusPart(NamedTuple):
    """Documents of one column."""

    column: str
    first: int
    """First document."""

    end: int
    """The one after the last."""


def of(columns: Sequence[str], base: Base, planned: PlannedSuite) -> list[CorpusPart]:
    """Return the parts of all large corpora; none for a model without weights, or whose vectors aren't cached as such.

    Args:
        columns: Columns to measure.
        base: The base, whose encoder the model uses.
        planned: The suite.
    """
    if not base.has_weights or "vectors" not in base.abilities:
        return []
    return [CorpusPart(column, *part) for column in columns for part in _parts(column, planned)]


def _parts(name: str, planned: PlannedSuite) -> list[tuple[int, int]]:
    """Return first document and end of each part; none for a corpus of one part, or of a quick look."""
    column = next(column for column in planned.suite.tasks if column.column == name)
    task = planned.tasks[column.task]
    if task.needs != "documents" or task.limit is not None:
        return []
    count = _documents(task, column.split, column.subset)
    starts = range(0, count, CORPUS_CHUNK)
    return [(start, min(start + CORPUS_CHUNK, count)) for start in starts] if len(starts) > 1 else []


def _documents(task: Task, split: str, subset: str) -> int:
    """Return the number of documents of a corpus; 0 where it is unknown, or small."""
    if task.spec is not None and task.path is not None:
        size = sum(file.stat().st_size for file, _ in task.contents if file.is_file())
        if size < CORPUS_CHUNK * _LEAST_BYTES:
            return 0
        return _documents_of(task.spec.model_dump_json(), task.path, split)
    if task.task_class is None:
        return 0
    figures = (task.task_class.metadata.descriptive_stats or {}).get(split, {})
    figures = figures.get("hf_subset_descriptive_stats", {}).get(subset, figures)
    return int(figures.get("num_documents") or 0)


@functools.lru_cache(maxsize=64)
def _documents_of(spec_json: str, path: Path, split: str) -> int:
    """Return the number of documents of a local task; several models share one reading of its files."""
    from tcmbench.specs.task import TaskSpec

    spec = TaskSpec.model_validate_json(spec_json)
    texts = tasks.layout(spec).evaluation_texts(spec.name, path, [split])
    return max((len(each.texts) for each in texts if each.kind == "documents"), default=0)
