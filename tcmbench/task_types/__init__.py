"""Types of tasks, one per file: local data as an MTEB task.

A module of this folder implements the `TaskType` protocol. A task itself is a TOML file in `tasks/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.plugins import PluginOptions
    from tcmbench.specs.base import Ability
    from tcmbench.specs.task import TaskSpec
    from tcmbench.task_types._layouts import Layout


class Source(NamedTuple):
    """Location and state of a task's data."""

    path: Path
    """Folder or file."""

    revision: str
    """Hash of the files and of the spec."""

    cache: Path
    """Store, for candidates that are computed once."""


class ItemInfo(NamedTuple):
    """Facts of one item of a task besides its scores."""

    cluster: str
    """Items of one cluster are resampled together: the patient, or the item itself."""

    group: str
    """Gold label, empty where there is none."""


class TaskType(Protocol):
    """Interface of a module of this folder."""

    REVISION: str
    """Raised whenever the same files would give different scores."""

    METRIC: str
    """Main metric where the spec names none."""

    STATISTIC: str
    """How the main metric follows from the items."""

    SCORES: Ability
    """Ability that a model needs."""

    LAYOUT: Layout
    """Layout of the files, for leaks, slices and texts on a board; see `_layouts.py`."""

    def files(self, path: Path, spec: TaskSpec) -> list[Path]:
        """Return the files that the task reads, whether or not they exist."""
        ...

    def task_class(self, spec: TaskSpec, source: Source, *, options: PluginOptions) -> type[AbsTask]:
        """Return the class that mteb instantiates."""
        ...


def declare(
    task_class: type[AbsTask],
    spec: TaskSpec,
    source: Source,
    kind: str,
    *,
    metric: str,
    category: str = "t2t",
    domains: Sequence[str] = ("Medical", "Written"),
) -> type[AbsTask]:
    """Return the class with its name and mteb's metadata of a local task.

    Args:
        task_class: Class of the task; it is changed in place.
        spec: What its TOML file says.
        source: Its data.
        kind: mteb's task type.
        metric: Main metric where the spec names none.
        category: mteb's category; t2t: text to text, t2c: text to category.
        domains: mteb's domains.
    """
    from mteb.abstasks.task_metadata import TaskMetadata

    fields: dict[str, Any] = {
        "name": spec.name,
        "description": spec.description or f"{spec.type} on {spec.path}",
        "reference": None,
        "dataset": {"path": f"tcmbench/{spec.name}", "revision": source.revision},
        "type": kind,
        "category": category,
        "modalities": ["text"],
        "eval_splits": list(spec.splits),
        "eval_langs": list(spec.languages),
        "main_score": spec.metric or metric,
        "date": None,
        "domains": list(domains),
        "task_subtypes": None,
        "license": "not specified",
        "annotations_creators": "derived" if spec.synthetic else None,
        "dialect": None,
        "sample_creation": "created" if spec.synthetic else None,
        "bibtex_citation": "",
        "is_public": False,
    }
    task_class.metadata = TaskMetadata.model_validate(fields)
    task_class.__name__ = task_class.__qualname__ = spec.name
    return task_class
