"""Classification by a linear probe, from a folder of train.jsonl and test.jsonl with {text, label} rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.plugins import PluginOptions
from tcmbench.task_types import Kind, Source, metadata
from tcmbench.task_types._layouts import Rows

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "1"
METRIC = "accuracy"
STATISTIC = "mean"
SCORES = "texts"
LAYOUT = Rows(("text",), item="text")


class Options(PluginOptions):
    """mteb's protocol: probes on small balanced samples of the train split."""

    samples_per_label: int = 8
    """Training texts a label in each experiment."""

    experiments: int = 10
    """Probes, each on a sample of its own; the figure is their mean."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the train split's file and those of the splits."""
    return [path / "train.jsonl", *(path / f"{split}.jsonl" for split in spec.splits)]


def task_class(spec: TaskSpec, source: Source, *, options: PluginOptions) -> type[AbsTask]:
    """Return the task as a class."""
    from tcmbench.data.rows import read_rows
    from tcmbench.task_types._classification import linear_probe

    if not isinstance(options, Options):
        raise TypeError(f"expected {Options}, got {type(options)}")

    def read(split: str) -> dict[str, list[str]]:
        rows = read_rows(source.path / f"{split}.jsonl", {"text": str, "label": str})
        return {"text": [str(t) for t in rows["text"]], "label": [str(x) for x in rows["label"]]}

    probe = linear_probe(read, samples_per_label=options.samples_per_label, experiments=options.experiments)
    probe.metadata = metadata(spec, source, Kind("Classification", "t2c", ("Written",)), metric=METRIC)
    probe.__name__ = probe.__qualname__ = spec.name
    return probe
