"""A task by name, with the revision of what it measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.base import Ability
    from tcmbench.specs.task import TaskSpec


@dataclass(frozen=True, slots=True)
class Task:
    """A task that can be measured here."""

    name: str
    """Name, as mteb knows it after registration."""

    revision: str
    """Hash of data, spec and the code that reads them; of a foreign task, mteb's own revision."""

    metric: str
    """Main metric."""

    statistic: str
    """Name of the statistic: how the main metric follows from the items."""

    needs: Ability
    """What a model must do."""

    spec: TaskSpec | None
    """None for a task of mteb's."""

    task_class: type[AbsTask] | None = None
    """Of a foreign task; ours are made when they are needed, because mteb takes seconds to import."""

    path: Path | None = None
    """Where the data of a local task is."""

    cache: Path | None = None
    """Store, for candidates."""

    contents: tuple[tuple[Path, str], ...] = ()
    """Files of a local task and the sha256 of each, from which the revision follows."""
