"""Task types whose rows are all in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tcmbench.specs.task import TaskSpec


class FileRows(NamedTuple):
    """The contents of a file."""

    columns: Mapping[str, Sequence[Any]]
    """Columns under mteb's names."""

    notes: tuple[str, ...]
    """What is unusual about them, with counts."""

    label_names: list[str] | None = None
    """The label of each code, where a column has codes."""


class OneFile:
    """Mixin before a class of mteb's: `read` returns the rows of its only split."""

    eval_splits: Sequence[str]

    dataset: Any = None
    data_loaded: bool = False
    notes: tuple[str, ...] = ()
    label_names: list[str] | None = None

    def read(self) -> FileRows:
        """Return the rows of the file."""
        raise NotImplementedError  # abstract: every task type reads its own columns

    def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
        """Read the file, once."""
        from datasets import Dataset

        del num_proc, kwargs
        if self.data_loaded:
            return
        columns, self.notes, self.label_names = self.read()
        self.dataset = {"default": {split: Dataset.from_dict(columns) for split in self.eval_splits}}
        self.data_loaded = True


def one_file(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the file of a task, which is its only split.

    Raises:
        SpecError: More than one split, which would all have the same rows.
    """
    if len(spec.splits) > 1:
        raise SpecError(
            f"task {spec.name}: all rows of a task of type {spec.type} are in one file, so there is one split; got "
            f"{', '.join(spec.splits)}. Keep one of them and write a task for each other file."
        )
    return [path]
