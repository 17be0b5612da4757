"""A task by name, with the revision of its data and code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.store import key

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
    """Name of the statistic that computes the main metric from the items."""

    needs: Ability
    """Required ability of a model."""

    spec: TaskSpec | None
    """None for a task of mteb."""

    task_class: type[AbsTask] | None = None
    """Of a foreign task; local ones are created on demand, because mteb takes seconds to import."""

    path: Path | None = None
    """Location of the data of a local task."""

    cache: Path | None = None
    """Store of the candidates."""

    contents: tuple[tuple[Path, str], ...] = ()
    """Files of a local task with their sha256, which determine the revision."""

    limit: int | None = None
    """Most items that are measured, a fixed sample; None: all."""

    @property
    def measured_revision(self) -> str:
        """Revision of what is measured: of the task, or of its sample, also where that is the whole task."""
        if self.limit is None:
            return self.revision
        return key("sample 2", {"task": self.revision, "limit": self.limit})
