"""Semantic textual similarity from a .jsonl file of {sentence1, sentence2, score}: Spearman's correlation."""

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
METRIC = "cosine_spearman"
STATISTIC = "spearman"
SCORES = "texts"
LAYOUT = Rows(("sentence1", "sentence2"))


class Options(PluginOptions):
    """Scale of the scores."""

    low: int = 0
    """Lowest possible score."""

    high: int = 5
    """Highest possible score."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the one file."""
    return one_file(path, spec)


def task_class(spec: TaskSpec, source: Source, *, options: PluginOptions) -> type[AbsTask]:
    """Return the task as a class."""
    from datasets import Dataset
    from mteb.abstasks import AbsTaskSTS

    if not isinstance(options, Options):
        raise TypeError(f"expected {Options}, got {type(options)}")

    low, high = options.low, options.high

    class LocalSTS(AbsTaskSTS):
        """One file of scored sentence pairs."""

        min_score = low
        max_score = high

        dataset: Any = None

        def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
            """Read the file, once."""
            del num_proc, kwargs
            if self.dataset is not None:
                return
            rows = read_rows(source.path, {"sentence1": str, "sentence2": str, "score": float})
            self.dataset = {"default": {split: Dataset.from_dict(rows) for split in self.eval_splits}}
            self.data_loaded = True

    LocalSTS.metadata = metadata(spec, source, Kind("STS", "t2t", ("Written",)), metric=METRIC)
    LocalSTS.__name__ = LocalSTS.__qualname__ = spec.name
    return LocalSTS
