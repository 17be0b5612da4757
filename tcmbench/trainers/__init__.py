"""Trainers: one plug-in per file; a job goes in, a folder with a tuned model comes out.

A trainer runs in processes of its own, so that running out of memory ends a training and not the run, and two
trainings can't see each other's settings. What it hands back has been checked: the loss wasn't zero throughout, the
vectors differ from the base's, and the folder that evaluation loads gives the numbers that training ended with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar

from tcmbench import plugins
from tcmbench.errors import SpecError
from tcmbench.plugins import PluginOptions
from tcmbench.trainsets import Requirements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tcmbench.specs.base import Base
    from tcmbench.specs.variant import Variant


TOLD = frozenset({"change", "quantised=evaluation"})
"""What stands beside the parity of an outcome and is no way to the same numbers: how far they are from the base's, and
those of the 4-bit network from those of the float weights that its adapter was merged into."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss, as its trainer declares it: the one place that says that it exists, and what it reads."""

    name: str
    """Its name in `training.loss`."""

    task: Literal["embedding", "reranker"] = "embedding"
    """What the model does that it trains."""

    scored: bool = False
    """Whether it reads pairs of texts with a score instead of a positive and its negatives."""

    in_batch: Literal["always", "optional", "never"] = "never"
    """Whether the documents of the other examples in a batch are negatives; optional: as `training.in_batch` says."""

    matryoshka: Literal["always", "optional", "never"] = "never"
    """Whether it teaches the first dimensions of a vector to stand alone; optional: where dimensions are named."""

    may_be_zero: bool = False
    """Whether a batch can have a loss and gradient of 0 while the training teaches: where all its pairs have one score,
    or are told apart. A zero of such a loss means something at the end of the training only."""


LossT = TypeVar("LossT", bound=Loss)


class TrainerOptions(PluginOptions):
    """Base of every trainer's options."""

    def device_count(self) -> int:
        """Return how many devices train side by side, each with a batch of its own."""
        return 1


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One model to be trained."""

    variant: Variant
    base: Base

    requirements: Requirements
    """What the training file was built for."""

    base_dir: Path
    """Folder of the base's weights."""

    train_file: Path
    """Examples in ms-swift's format, one positive per row, all passes written out in the order of training."""

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
        return self.rows % (self.variant.training.batch_size * self.requirements.devices) == 1

    @property
    def steps(self) -> int:
        """Optimiser steps, as the trainers count them: the last checkpoint is known by this number."""
        training = self.variant.training
        # ms-swift gives each device the same number of rows and leaves the few beyond that out (dataloader/shard.py)
        share = self.rows // self.requirements.devices
        batches = share // training.batch_size if self.drops_last else -(-share // training.batch_size)
        steps = -(-batches // training.accumulation)
        return min(steps, training.max_steps or steps)

    @property
    def examples(self) -> int:
        """Rows that are trained on: from the first of the file, as many as all steps take."""
        training = self.variant.training
        per_step = training.batch_size * training.accumulation * self.requirements.devices
        return min(self.rows, self.steps * per_step)

    @property
    def trained_rows(self) -> TrainedRows:
        """What is read of the file by a trainer that takes its rows in order."""
        return TrainedRows(self.examples, left_out=self.rows - self.examples)


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
    """On the dev examples: mean cosine similarity to the positive less that to the closest wrong document, which is a
    negative of the example or the positive of another (`_runtime/margin.py`)."""

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
class TrainedRows:
    """What was read of a training file."""

    read: int
    """Rows that the steps read, each as often as it was read."""

    repeated: int = 0
    """Of these, those that had been read before."""

    left_out: int = 0
    """Rows that no step read."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A tuned model and how it came about."""

    model_dir: Path
    """Hub layout: sentence-transformers, transformers, mteb and vLLM load it alike."""

    curves: tuple[Point, ...]

    seconds: float
    """Wall time of the training process; a resumed one counts all its parts."""

    rows: TrainedRows
    """Rows of the training file that were read."""

    tokens: int
    """Tokens of all texts read, padding left out."""

    peak_memory_mib: float
    """Most memory held at once, all processes together; pages that they share count once."""

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
    """What a module of this folder offers, beside `Options` where it has any (a subclass of `TrainerOptions`)."""

    REVISION: str
    """Raised whenever the same job gives other weights; part of every key."""

    LOSSES: Sequence[Loss]
    """All losses it trains with; the first of each task is that of recipes that name none."""

    def check(self, job: TrainingJob, *, options: Any) -> None:
        """Refuse a recipe or base that can't be trained; called before the training set is built, with no rows yet."""
        ...

    def plan(self, job: TrainingJob, *, options: Any) -> Plan:
        """Return the exact command and every file it will make, after the job has been checked."""
        ...

    def train(self, job: TrainingJob, *, options: Any, progress: Callable[[Step], None]) -> Outcome:
        """Return the tuned model; an unfinished job goes on from its last checkpoint."""
        ...


def requirements(variant: Variant) -> Requirements:
    """Return what the training set of a variant must suit, by the declarations of its trainer.

    Raises:
        UnknownName: No such trainer.
        SpecError: An option or a loss that the trainer doesn't have.
    """
    trainer = plugins.use("trainers", variant.trainer, variant.training.options, where=f"variant {variant.name}")
    loss = loss_of(variant, trainer.module.LOSSES)
    options = trainer.options
    return Requirements(
        loss=loss.name,
        scored=loss.scored,
        in_batch=loss.in_batch == "always" or (loss.in_batch == "optional" and variant.training.in_batch),
        devices=options.device_count() if isinstance(options, TrainerOptions) else 1,
    )


def loss_of(variant: Variant, losses: Sequence[LossT]) -> LossT:
    """Return the loss that a variant is trained with.

    Args:
        variant: The recipe.
        losses: Those of its trainer.

    Raises:
        SpecError: The trainer has no such loss for the variant's task, or can't follow `in_batch`.
    """
    where = f"variant {variant.name}: the {variant.trainer} trainer"
    fitting = {loss.name: loss for loss in losses if loss.task == variant.task}
    if not fitting:
        raise SpecError(f"{where} has no loss for task {variant.task}. Choose another trainer.")
    name = variant.training.loss or next(iter(fitting))
    if name not in fitting:
        raise SpecError(
            f"{where} has no loss {name!r} for task {variant.task}. It has: {', '.join(fitting)}. "
            "Choose one of them, or another trainer."
        )
    if fitting[name].in_batch == "always" and not variant.training.in_batch:
        raise SpecError(
            f"{where}'s loss {name} always takes the other examples of a batch as negatives. "
            "Set training.in_batch = true, or choose another loss or trainer."
        )
    return fitting[name]
