"""Pair classification from a file of {sentence1, sentence2, label: 0 or 1}: average precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
METRIC = "cosine_ap"
STATISTIC = "average_precision"
SCORES = "texts"
LAYOUT = Rows(("sentence1", "sentence2"))

files = one_file


class Options(ColumnOptions):
    """Names of columns."""

    FILES = (usual("sentence1", "sentence2", "label"),)


def task_class(spec: TaskSpec, source: Source, *, options: Options) -> type[AbsTask]:
    """Return the task as a class."""
    from mteb.abstasks.pair_classification import AbsTaskPairClassification

    class LocalPairClassification(OneFile, AbsTaskPairClassification):
        """One file of labelled sentence pairs."""

        label_column_name = "labels"

        def read(self) -> FileRows:
            """Return the rows of the file."""
            return _read(source.path, options.columns)

    return declare(LocalPairClassification, spec, source, "PairClassification", metric=METRIC, domains=("Written",))


def _read(path: Path, mapped: Mapping[str, str]) -> FileRows:
    """Return the rows of a file.

    Raises:
        BadLines: Labels other than 0 and 1, and all other bad lines.
        DataError: All labels are equal.
    """
    columns = read_columns(path, {"sentence1": values.text, "sentence2": values.text, "label": _label}, mapped)
    labels = [int(label) for label in columns.values["label"]]
    if len(set(labels)) == 1:
        raise DataError(f"{path}: expected labels 0 and 1, both, got {labels[0]} for every pair. Add the other kind.")
    first, second = columns.texts("sentence1"), columns.texts("sentence2")
    notes = contradictions(
        list(zip(first, second, strict=True)), labels, what="pairs occur more than once with different labels"
    )
    return FileRows({"sentence1": first, "sentence2": second, "labels": labels}, tuple(notes))


def _label(row: Mapping[str, object], name: str) -> float:
    value = values.number(row, name)
    if value not in {0, 1}:
        raise FieldProblem(f"{name}: expected 0 or 1, got {value:g}")
    return value
