"""Clustering from a .jsonl file of {text, label}: V-measure over mteb's repeated samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.data.rows import read_rows
from tcmbench.plugins import PluginOptions
from tcmbench.task_types import Kind, Source, metadata
from tcmbench.task_types._layouts import Rows
from tcmbench.task_types._one_file import one_file

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "1"
METRIC = "v_measure"
STATISTIC = "mean"
SCORES = "texts"
LAYOUT = Rows(("text",))


class Options(PluginOptions):
    """mteb's protocol: k-means on samples drawn with replacement."""

    experiments: int = 10
    """Samples that are clustered; the figure is their mean."""

    sample: int = 2048
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

        def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
            """Read the file, once."""
            del num_proc, kwargs
            if self.dataset is not None:
                return
            rows = read_rows(source.path, {"text": str, "label": str})
            codes = {label: i for i, label in enumerate(sorted(set(rows["label"]), key=str))}
            columns = {"sentences": rows["text"], "labels": [codes[label] for label in rows["label"]]}
            self.dataset = {"default": {split: Dataset.from_dict(columns) for split in self.eval_splits}}
            self.data_loaded = True

    LocalClustering.metadata = metadata(spec, source, Kind("Clustering", "t2c", ("Written",)), metric=METRIC)
    LocalClustering.__name__ = LocalClustering.__qualname__ = spec.name
    return LocalClustering
