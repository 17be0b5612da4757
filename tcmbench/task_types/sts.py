"""Semantic textual similarity from a .jsonl file of {sentence1, sentence2, score}: Spearman's correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import model_validator

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
    from collections.abc import Mapping
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "2"
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

    @model_validator(mode="after")
    def _high_is_above_low(self) -> Options:
        if self.high <= self.low:
            raise ValueError(f"expected high above low, got low = {self.low} and high = {self.high}")
        return self


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
        data_loaded: bool = False
        notes: tuple[str, ...] = ()

        def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
            """Read the file, once."""
            del num_proc, kwargs
            if self.data_loaded:
                return
            rows, self.notes = _read(source.path, low=low, high=high)
            self.dataset = {"default": {split: Dataset.from_dict(rows) for split in self.eval_splits}}
            self.data_loaded = True

    LocalSTS.metadata = metadata(spec, source, MtebKind("STS", "t2t", ("Written",)), metric=METRIC)
    LocalSTS.__name__ = LocalSTS.__qualname__ = spec.name
    return LocalSTS


def _read(path: Path, *, low: int, high: int) -> tuple[dict[str, list[str | float]], tuple[str, ...]]:
    """Return the columns of a file, and what is unusual about them.

    Raises:
        BadLines: Scores outside the scale, and all other bad lines.
        DataError: All scores are equal, so they have no order.
    """

    def score(row: Mapping[str, object], name: str) -> float:
        value = values.number(row, name)
        if not low <= value <= high:
            raise FieldProblem(f"{name}: expected {low} to {high} (options low and high), got {value:g}")
        return value

    rows = read_columns(path, {"sentence1": values.text, "sentence2": values.text, "score": score}).values
    if len(set(rows["score"])) == 1:
        raise DataError(
            f"{path}: expected scores that differ, got {rows['score'][0]:g} for every pair. No model can be "
            "told from another by them."
        )
    pairs = list(zip(rows["sentence1"], rows["sentence2"], strict=True))
    return rows, tuple(contradictions(pairs, rows["score"], what="pairs stand more than once with different scores"))
