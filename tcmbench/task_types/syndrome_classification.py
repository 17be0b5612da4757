"""Syndrome classification by a linear probe on a TCM-SD folder.

A record with several gold syndromes counts for its first one, in training and in testing, since a linear probe predicts
one class. Records whose syndrome has fewer than `minimum` training records are left out, and counted in the notes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pydantic import Field

from tcmbench.errors import DataError
from tcmbench.task_types import Source, declare
from tcmbench.task_types._layouts import TcmSd
from tcmbench.task_types._syndromes import RecordView, folder_files

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "2"
METRIC = "accuracy"
STATISTIC = "mean"
SCORES = "texts"
LAYOUT = TcmSd()


class Options(RecordView):
    """mteb's protocol: probes on small balanced samples of the train split."""

    samples_per_label: int = Field(default=8, ge=1, le=100_000)
    """Training records per syndrome in each experiment."""

    experiments: int = Field(default=10, ge=1, le=1000)
    """Probes, each on its own sample; the score is their mean."""

    minimum: int = Field(default=8, ge=1)
    """Syndromes with fewer training records are no classes of the task."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the files of the train split, of the splits, and the knowledge base."""
    return folder_files(path, ("train", *spec.splits))


def task_class(spec: TaskSpec, source: Source, *, options: Options) -> type[AbsTask]:
    """Return the task as a class."""
    from tcmbench.data.tcm_sd import read_folder
    from tcmbench.task_types._classification import Labelled, linear_probe

    def read(split: str) -> Labelled:
        folder = read_folder(source.path, splits=sorted({"train", split}))
        train = options.texts(folder.splits["train"], where="split train").texts
        counts = Counter(record.labels[0] for record in folder.splits["train"] if record.record_id in train)
        classes = {label for label, count in counts.items() if count >= options.minimum}
        read = options.texts(folder.splits[split], where=f"split {split}")
        with_text = [record for record in folder.splits[split] if record.record_id in read.texts]
        records = [record for record in with_text if record.labels[0] in classes]
        if not records:
            raise DataError(
                f"{source.path}: no syndrome has {options.minimum} training records and one in split {split}"
            )
        rare = len(with_text) - len(records)
        return Labelled(
            columns={
                "text": [read.texts[record.record_id] for record in records],
                "label": [record.labels[0] for record in records],
                "item": [record.record_id for record in records],
                "cluster": [record.patient_id for record in records],
            },
            places=[f"{source.path}: split {split}, record {record.record_id}" for record in records],
            notes=[
                *read.notes,
                *[f"split {split}: {rare} records are left out, as their syndrome is rare in training"] * (rare > 0),
            ],
        )

    probe = linear_probe(read, samples_per_label=options.samples_per_label, experiments=options.experiments)
    return declare(probe, spec, source, "Classification", metric=METRIC, category="t2c")
