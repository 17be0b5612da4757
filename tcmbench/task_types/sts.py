"""Semantic textual similarity from a file of {sentence1, sentence2, score}: Spearman's correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import model_validator

from tcmbench.data import values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.rows import read_columns
from tcmbench.errors import DataError
from tcmbench.task_types import Source, declare
from tcmbench.task_types._columns import ColumnOptions, usual
from tcmbench.task_types._labels import contradictions
from tcmbench.task_types._layouts import Rows
from tcmbench.task_types._one_file import FileRows, OneFile, one_file

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

files = one_file


class Options(ColumnOptions):
    """Scale of the scores, and names of columns."""

    FILES = (usual("sentence1", "sentence2", "score"),)

    low: int = 0
    """Lowest possible score."""

    high: int = 5
    """Highest possible score."""

    @model_validator(mode="after")
    def _high_is_above_low(self) -> Options:
        if self.high <= self.low:
            raise ValueError(f"expected high above low, got low = {self.low} and high = {self.high}")
        return self


def task_class(spec: TaskSpec, source: Source, *, options: Options) -> type[AbsTask]:
    """Return the task as a class."""
    from mteb.abstasks import AbsTaskSTS

    class LocalSTS(OneFile, AbsTaskSTS):
        """One file of scored sentence pairs."""

        min_score = options.low
        max_score = options.high

        def read(self) -> FileRows:
            """Return the rows of the file."""
            return _read(source.path, options)

    return declare(LocalSTS, spec, source, "STS", metric=METRIC, domains=("Written",))


def _read(path: Path, options: Options) -> FileRows:
    """Return the rows of a file.

    Raises:
        BadLines: Scores outside the scale, and all other bad lines.
        DataError: All scores are equal, so they have no order.
    """

    def score(row: Mapping[str, object], name: str) -> float:
        value = values.number(row, name)
        if not options.low <= value <= options.high:
            scale = f"{options.low} to {options.high} (options low and high)"
            raise FieldProblem(f"{name}: expected {scale}, got {value:g}")
        return value

    rows = read_columns(
        path, {"sentence1": values.text, "sentence2": values.text, "score": score}, options.columns
    ).values
    if len(set(rows["score"])) == 1:
        raise DataError(
            f"{path}: expected scores that differ, got {rows['score'][0]:g} for every pair. They can't measure a model."
        )
    pairs = list(zip(rows["sentence1"], rows["sentence2"], strict=True))
    notes = contradictions(pairs, rows["score"], what="pairs occur more than once with different scores")
    return FileRows(rows, tuple(notes))
