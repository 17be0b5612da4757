"""Trainers: one plug-in a file; a job goes in, a folder with a tuned model comes out.

A trainer runs in processes of its own, so that running out of memory ends a training and not the run, and two
trainings can't see each other's settings. What it hands back has been checked: the loss wasn't zero throughout, the
vectors differ from the base's, and the folder that evaluation loads gives the numbers that training ended with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tcmbench.specs.base import Base
    from tcmbench.specs.variant import Variant


TOLD = frozenset({"change", "quantised=evaluation"})
"""What stands beside the parity of an outcome and is no way to the same numbers: how far they are from the base's, and
those of the 4-bit network from those of the float weights that its adapter was merged into."""


@dataclass(frozen=True, slots=True)
class Job:
    """One model to be trained."""

    variant: Variant
    base: Base

    base_dir: Path
    """Folder of the base's weights."""

    train_file: Path
    """Examples in ms-swift's format, one positive a row, all passes written out in the order of training."""

    rows: int
    """Lines of `train_file`."""

    seed: int

    work_dir: Path
    """Checkpoints and logs; a folder of this job alone (named by its key), from which a killed job resumes."""

    dev_file: Path | None = None
    """Examples whose margin is measured while training; None measures none."""

    labels: Sequence[tuple[str, ...]] | None = None
    """Labels of each row; where given, the order of the file is checked against the batch rule."""

    device: str = ""
    """cpu or cuda; empty takes what is there."""

    @property
    def drops_last(self) -> bool:
        """Whether a last batch that isn't full is left out.

        It is where it would be one example without anything to be told apart from, and under no_duplicates, which
        puts what is left of a frequent label into ever smaller batches.
        """
        if self.variant.batch_rule == "no_duplicates":
            return True
        return self.rows % (self.variant.training.batch_size * self.variant.training.devices) == 1

    @property
    def steps(self) -> int:
        """Optimiser steps, as the trainers count them: the last checkpoint is known by this number."""
        training = self.variant.training
        # ms-swift gives each device the same number of rows and leaves the few beyond that out (dataloader/shard.py)
        share = self.rows // training.devices
        batches = share // training.batch_size if self.drops_last else -(-share // training.batch_size)
        steps = -(-batches // training.accumulation)
        return min(steps, training.max_steps or steps)


class Step(NamedTuple):
    """Where a training stands."""

    step: int
    total: int
    loss: float

    remaining: float
    """Seconds to go, estimated."""


class Point(NamedTuple):
    """One point of the training curves; None where nothing was logged."""

    step: int
    loss: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None

    margin: float | None = None
    """On the dev examples: mean similarity to the positive less that to the negatives."""

    dev_loss: float | None = None


class Plan(NamedTuple):
    """What a training will do, to be read before it does."""

    command: list[str]

    environment: Mapping[str, str]
    """Variables that are set; others that would change the training are removed."""

    files: tuple[Path, ...]
    """Files and folders that will be made."""

    steps: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A tuned model and how it came about."""

    model_dir: Path
    """Hub layout: sentence-transformers, transformers, mteb and vLLM load it alike."""

    curves: tuple[Point, ...]

    seconds: float
    """Wall time of the training process; a resumed one counts all its parts."""

    tokens: int
    """Tokens of all texts read, padding left out."""

    peak_memory_mib: float
    """Most memory held at once, all processes together."""

    peak_gpu_memory_mib: float
    """Most memory reserved on one GPU; 0 without one."""

    trained_parameters: int
    """Parameters that were trained."""

    parity: Mapping[str, float]
    """Largest difference between two ways to the same vectors or scores, by their names; and what is `TOLD`."""

    command: tuple[str, ...]

    environment: Mapping[str, str]
    """Variables that were set, and under `scrubbed` the names of those that were removed."""


class Trainer(Protocol):
    """What a module of this folder offers."""

    REVISION: str
    """Raised whenever the same job gives other weights; part of every key."""

    def check(self, job: Job) -> None:
        """Refuse a recipe or base that can't be trained; asked before the training set is built, with no rows yet."""
        ...

    def plan(self, job: Job) -> Plan:
        """Return the exact command and every file it will make, after the job has been checked."""
        ...

    def train(self, job: Job, *, progress: Callable[[Step], None]) -> Outcome:
        """Return the tuned model; an unfinished job goes on from its last checkpoint."""
        ...
