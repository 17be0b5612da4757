"""The file of task types that keep all rows in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.specs.task import TaskSpec


def one_file(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the one file of a type whose rows are all in one; it is the task's only split.

    Raises:
        SpecError: More splits than one, which would all be the same rows.
    """
    if len(spec.splits) > 1:
        raise SpecError(
            f"task {spec.name}: all rows of a task of type {spec.type} are in one file, so there is one split; got "
            f"{', '.join(spec.splits)}. Keep one of them and write a task for each other file."
        )
    return [path]
