"""Clustering from a .jsonl file of {text, label}: V-measure over mteb's repeated samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tcmbench.data import values
from tcmbench.data.rows import read_columns
from tcmbench.errors import DataError
from tcmbench.plugins import PluginOptions
from tcmbench.task_types import MtebKind, Source, metadata
from tcmbench.task_types._labels import Labels, contradictions
from tcmbench.task_types._layouts import Rows
from tcmbench.task_types._one_file import one_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "2"
METRIC = "v_measure"
STATISTIC = "mean"
SCORES = "texts"
LAYOUT = Rows(("text",))


class Options(PluginOptions):
    """mteb's protocol: k-means on samples drawn with replacement."""

    experiments: int = Field(default=10, ge=1, le=1000)
    """Samples that are clustered; the figure is their mean."""

    sample: int = Field(default=2048, ge=2, le=1_000_000)
    """Texts a sample."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the one file."""
    return one_file(path, spec)


def task_class(spec: TaskSpec, source: Source, *, options: PluginOptions) -> type[AbsTask]:
    """Return the task as a class."""
    from datasets import Dataset
    from mteb.abstasks import AbsTaskClustering

    if not isinstance(options, Options):
        raise TypeError(f"expected {Options}, got {type(options)}")
    experiments, sample = options.experiments, options.sample

    class LocalClustering(AbsTaskClustering):
        """One file of labelled texts."""

        max_fraction_of_documents_to_embed = None
        max_documents_per_cluster = sample
        n_clusters = experiments

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

    LocalClustering.metadata = metadata(spec, source, MtebKind("Clustering", "t2c", ("Written",)), metric=METRIC)
    LocalClustering.__name__ = LocalClustering.__qualname__ = spec.name
    return LocalClustering


def _read(path: Path) -> tuple[dict[str, Sequence[str | int]], tuple[str, ...]]:
    """Return the columns of a file, and what is unusual about them.

    Raises:
        BadLines: Lines that can't be read.
        DataError: Labels by which every model has the same V-measure.
    """
    known = Labels()
    columns = read_columns(path, {"text": values.text, "label": known.read})
    texts, labels = columns.texts("text"), columns.texts("label")
    codes = {label: code for code, label in enumerate(sorted(set(labels)))}
    if len(codes) in {1, len(texts)}:
        what = "one label for all" if len(codes) == 1 else "a label of its own for each"
        raise DataError(
            f"{path}: expected several labels with several texts each, got {what} of {len(texts)} texts. Every model "
            "would score the same."
        )
    notes = known.notes() + contradictions(texts, labels, what="texts stand more than once with different labels")
    return {"sentences": texts, "labels": [codes[label] for label in labels]}, tuple(notes)
