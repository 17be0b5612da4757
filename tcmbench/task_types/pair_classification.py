"""Pair classification from a .jsonl file of {sentence1, sentence2, label: 0 or 1}: average precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.data import values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.rows import read_columns
from tcmbench.errors import DataError
from tcmbench.plugins import PluginOptions
from tcmbench.task_types import MtebKind, Source, metadata
from tcmbench.task_types._labels import contradictions
from tcmbench.task_types._layouts import Rows
from tcmbench.task_types._one_file import one_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "2"
METRIC = "cosine_ap"
STATISTIC = "average_precision"
SCORES = "texts"
LAYOUT = Rows(("sentence1", "sentence2"))


class Options(PluginOptions):
    """Nothing to choose."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the one file."""
    return one_file(path, spec)


def task_class(spec: TaskSpec, source: Source, *, options: PluginOptions) -> type[AbsTask]:
    """Return the task as a class."""
    from datasets import Dataset
    from mteb.abstasks.pair_classification import AbsTaskPairClassification

    del options

    class LocalPairClassification(AbsTaskPairClassification):
        """One file of labelled sentence pairs."""

        label_column_name = "labels"

        dataset: Any = None
        data_loaded: bool = False
        notes: tuple[str, ...] = ()

        def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
            """Read the file, once."""
            del num_proc, kwargs
            if self.data_loaded:
                return
            columns, self.notes = _read(source.path)
            self.dataset = {"default": {split: Dataset.from_dict(columns) for split in self.eval_splits}}
            self.data_loaded = True

    LocalPairClassification.metadata = metadata(
        spec, source, MtebKind("PairClassification", "t2t", ("Written",)), metric=METRIC
    )
    LocalPairClassification.__name__ = LocalPairClassification.__qualname__ = spec.name
    return LocalPairClassification


def _read(path: Path) -> tuple[dict[str, Sequence[str | int]], tuple[str, ...]]:
    """Return the columns of a file, and what is unusual about them.

    Raises:
        BadLines: Labels other than 0 and 1, and all other bad lines.
        DataError: All labels are equal.
    """
    columns = read_columns(path, {"sentence1": values.text, "sentence2": values.text, "label": _label})
    labels = [int(label) for label in columns.values["label"]]
    if len(set(labels)) == 1:
        raise DataError(f"{path}: expected labels 0 and 1, both, got {labels[0]} for every pair. Add the other kind.")
    first, second = columns.texts("sentence1"), columns.texts("sentence2")
    notes = contradictions(
        list(zip(first, second, strict=True)), labels, what="pairs stand more than once with different labels"
    )
    return {"sentence1": first, "sentence2": second, "labels": labels}, tuple(notes)


def _label(row: Mapping[str, object], name: str) -> float:
    value = values.number(row, name)
    if value not in {0, 1}:
        raise FieldProblem(f"{name}: expected 0 or 1, got {value:g}")
    return value
