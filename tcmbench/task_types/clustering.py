"""Clustering from a file of {text, label}: V-measure over mteb's repeated samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tcmbench.data import values
from tcmbench.data.rows import read_columns
from tcmbench.errors import DataError
from tcmbench.task_types import Source, declare
from tcmbench.task_types._columns import ColumnOptions, usual
from tcmbench.task_types._labels import Labels, contradictions
from tcmbench.task_types._layouts import Rows
from tcmbench.task_types._one_file import FileRows, OneFile, one_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "3"
METRIC = "v_measure"
STATISTIC = "mean"
SCORES = "texts"
LAYOUT = Rows(("text",))

files = one_file


class Options(ColumnOptions):
    """mteb's protocol: k-means on samples drawn with replacement."""

    FILES = (usual("text", "label"),)

    experiments: int = Field(default=10, ge=1, le=1000)
    """Samples that are clustered; the score is their mean."""

    sample: int = Field(default=2048, ge=2, le=1_000_000)
    """Texts per sample."""


def task_class(spec: TaskSpec, source: Source, *, options: Options) -> type[AbsTask]:
    """Return the task as a class."""
    from mteb.abstasks import AbsTaskClustering

    class LocalClustering(OneFile, AbsTaskClustering):
        """One file of labelled texts."""

        max_fraction_of_documents_to_embed = None
        max_documents_per_cluster = options.sample
        n_clusters = options.experiments

        def read(self) -> FileRows:
            """Return the rows of the file."""
            return _read(source.path, options.columns)

    return declare(LocalClustering, spec, source, "Clustering", metric=METRIC, category="t2c", domains=("Written",))


def _read(path: Path, mapped: Mapping[str, str]) -> FileRows:
    """Return the rows of a file.

    Raises:
        BadLines: Lines that can't be read.
        DataError: Labels by which every model has the same V-measure.
    """
    known = Labels()
    columns = read_columns(path, {"text": values.text, "label": known.read}, mapped)
    texts, labels = columns.texts("text"), columns.texts("label")
    codes = {label: code for code, label in enumerate(sorted(set(labels)))}
    if len(codes) in {1, len(texts)}:
        what = "one label for all" if len(codes) == 1 else "a different label for each"
        raise DataError(
            f"{path}: expected several labels with several texts each, got {what} of {len(texts)} texts. Every model "
            "would score the same."
        )
    notes = known.notes() + contradictions(texts, labels, what="texts occur more than once with different labels")
    return FileRows({"sentences": texts, "labels": [codes[label] for label in labels]}, tuple(notes), list(codes))
