"""Pair classification from a .jsonl file of {sentence1, sentence2, label: 0 or 1}: average precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.data.rows import read_rows
from tcmbench.errors import DataError
from tcmbench.plugins import PluginOptions
from tcmbench.task_types import Kind, Source, metadata
from tcmbench.task_types._layouts import Rows
from tcmbench.task_types._one_file import one_file

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "1"
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

        def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
            """Read the file, once."""
            del num_proc, kwargs
            if self.dataset is not None:
                return
            rows = read_rows(source.path, {"sentence1": str, "sentence2": str, "label": float})
            labels = rows.pop("label")
            if set(labels) != {0.0, 1.0}:
                raise DataError(f"{source.path}: expected labels 0 and 1, both, got {sorted(set(labels), key=str)}")
            columns = {**rows, "labels": [int(label) for label in labels]}
            self.dataset = {"default": {split: Dataset.from_dict(columns) for split in self.eval_splits}}
            self.data_loaded = True

    LocalPairClassification.metadata = metadata(
        spec, source, Kind("PairClassification", "t2t", ("Written",)), metric=METRIC
    )
    LocalPairClassification.__name__ = LocalPairClassification.__qualname__ = spec.name
    return LocalPairClassification
