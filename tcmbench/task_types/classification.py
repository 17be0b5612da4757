"""Classification by a linear probe, from a folder of files train and test with {text, label} rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tcmbench.data import table_files
from tcmbench.task_types import Source, declare
from tcmbench.task_types._columns import ColumnOptions, usual
from tcmbench.task_types._layouts import Rows

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "4"
METRIC = "accuracy"
STATISTIC = "mean"
SCORES = "texts"
LAYOUT = Rows(("text",), item="text")


class Options(ColumnOptions):
    """mteb's protocol: probes on small balanced samples of the train split."""

    FILES = (usual("text", "label"),)

    samples_per_label: int = Field(default=8, ge=1, le=100_000)
    """Training texts per label in each experiment."""

    experiments: int = Field(default=10, ge=1, le=1000)
    """Probes, each on its own sample; the score is their mean."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the train split's file and those of the splits."""
    return [table_files.find(path, split) for split in ("train", *spec.splits)]


def task_class(spec: TaskSpec, source: Source, *, options: Options) -> type[AbsTask]:
    """Return the task as a class."""
    from tcmbench.data import values
    from tcmbench.data.rows import read_columns
    from tcmbench.task_types._classification import Labelled, linear_probe
    from tcmbench.task_types._labels import Labels, contradictions

    def read(split: str) -> Labelled:
        path = table_files.find(source.path, split)
        known = Labels()
        rows = read_columns(path, {"text": values.text, "label": known.read}, options.columns)
        texts, labels = rows.texts("text"), rows.texts("label")
        return Labelled(
            columns={"text": texts, "label": labels},
            places=[f"{path}:{line}" for line in rows.lines],
            notes=[
                f"split {split}: {note}"
                for note in [
                    *known.notes(),
                    *contradictions(texts, labels, what="texts occur more than once with different labels"),
                ]
            ],
        )

    probe = linear_probe(read, samples_per_label=options.samples_per_label, experiments=options.experiments)
    return declare(probe, spec, source, "Classification", metric=METRIC, category="t2c", domains=("Written",))
