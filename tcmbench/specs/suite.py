"""A suite: the tasks that are measured, and the role of each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tcmbench.specs.names import Prose
from tcmbench.specs.toml import Spec

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["in_domain", "held_out", "general"]

ROLES: tuple[Role, ...] = ("in_domain", "held_out", "general")
"""All roles, in the order of the board."""

GAIN_ROLES: tuple[Role, ...] = ("in_domain", "held_out")
"""Roles that measure gain: the first one with tasks in a suite."""


class SuiteTask(BaseModel):
    """One task and split of a suite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    """Name of the task: a bundled one, one of the workspace, or any of mteb's."""

    role: Role
    """in_domain and held_out measure gain, general measures forgetting."""

    split: str = "test"
    """Split of the task."""

    subset: str = "default"
    """Subset of the task (mteb calls it hf_subset)."""

    title: Prose = ""
    """Column title on the board; the task's name when empty."""

    title_zh: Prose = ""
    """The same in Chinese, for the board's Chinese view; empty shows the English."""

    limit: int | None = Field(default=None, ge=1)
    """Most queries, pairs or texts of the task that are measured, a fixed sample; None: all. Boards name the size of
    the sample with the column, whose scores are separate from those of the whole task, and count like any other."""

    @property
    def column(self) -> str:
        """Name of the column: `Task`, or `Task/split` for a split other than test."""
        parts = [self.task]
        if self.split != "test":
            parts.append(self.split)
        if self.subset != "default":
            parts.append(self.subset)
        return "/".join(parts)


class Suite(Spec):
    """One file of `tasks/suites/`."""

    description: Prose = ""
    """One sentence for the board."""

    benchmark: str = ""
    """Name of the benchmark in mteb; `tcmbench(<suite>)` when empty."""

    synthetic: bool = False
    """Whether the data is generated; the board then marks every score."""

    tasks: tuple[SuiteTask, ...] = Field(min_length=1)
    """What is measured, in the order of the columns."""

    limit: int | None = Field(default=None, ge=1)
    """Most queries, pairs or texts of each task, a fixed sample for a quick look; None: all. Scores of a sample are
    separate from those of the whole task, and the gate refuses them."""

    @model_validator(mode="after")
    def _columns_are_unique(self) -> Suite:
        columns = [task.column for task in self.tasks]
        twice = sorted(column for column, count in Counter(columns).items() if count > 1)
        if twice:
            raise ValueError(f"duplicate columns: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _limits_are_of_tasks(self) -> Suite:
        limits: dict[str, int | None] = {}
        for task in self.tasks:
            if limits.setdefault(task.task, task.limit) != task.limit:
                raise ValueError(f"task {task.task}: expected the same limit in all its columns")
        return self

    @property
    def samples(self) -> Mapping[str, int]:
        """Column → most items that are measured, of columns with a limit of their own, which a quick look lowers."""
        own = {task.column: self.limit_of(task) for task in self.tasks if task.limit is not None}
        return {column: limit for column, limit in own.items() if limit is not None}

    def limit_of(self, column: SuiteTask) -> int | None:
        """Return the most items of a column that are measured; None: all."""
        return min((limit for limit in (self.limit, column.limit) if limit is not None), default=None)
