"""Trainers, one per file: from a job to a folder with a tuned model.

A trainer runs in its own processes, so that running out of memory ends a training and not the run, and settings of one
training don't affect another. Its result has been checked: the loss wasn't zero throughout, the vectors differ from the
base's, and the folder that evaluation loads gives the same numbers as training at its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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


REPORTED = frozenset({"change", "quantised=evaluation"})
"""Entries of an outcome's parity that are reported and not checked: the distance to the base's numbers, and that of the
4-bit network to the float weights that its adapter was merged into."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss, as its trainer declares it."""

    name: str
    """Its name in `training.loss`."""

    task: Literal["embedding", "reranker"] = "embedding"
    """Task of the models that it trains."""

    scored: bool = False
    """Whether it reads pairs of texts with a score instead of a positive and its negatives."""

    in_batch: Literal["always", "optional", "never"] = "never"
    """Whether the documents of the other examples in a batch are negatives; optional: as `training.in_batch` says."""

    matryoshka: Literal["always", "optional", "never"] = "never"
    """Whether it trains prefixes of a vector to be usable on their own; optional: where dimensions are given."""

    may_be_zero: bool = False
    """Whether loss and gradient of a batch may be 0 in a working training: where all its pairs have the same score, or
    are separated already. Such a loss is checked for zeros only at the end of the training."""

    most_negatives: int | None = None
    """Largest number of negatives of an example that it reads; None: any."""

    contrasts: bool = False
    """Whether it takes the terms and the mask of InfoNCE (`CONTRASTS`)."""

    tempered: bool = False
    """Whether it divides similarities by `training.temperature`."""

    weighted: bool = False
    """Whether it reads the weight of a row; others are refused rows of another weight than 1."""

    taught: bool = False
    """Whether it reads the scores of a teacher for the positive and the negatives of a row."""

    score_range: tuple[float, float] | None = None
    """Lowest and highest score of a pair that it can reach; None: any."""


CONTRASTS = ("query_query", "document_document", "mask_false_negatives")
"""Fields of `Training` that only losses with `Loss.contrasts` take."""

KEPT_CHECKPOINTS = 4
"""Checkpoints that a training keeps for evaluation, evenly spread; its result is the last point."""

LossT = TypeVar("LossT", bound=Loss)


class TrainerOptions(PluginOptions):
    """Base of every trainer's options."""

    def device_count(self) -> int:
        """Return how many devices train in parallel, each with its own batch."""
        return 1


@dataclass(frozen=True, slots=True)
class General:
    """Files of the general texts that a training keeps its base's ability on (`[training.keep]`)."""

    texts: Path
    """JSON lines {query, positive} without prompts; query is empty where a row has one text."""

    vectors: Path
    """The base's vectors of all texts, row by row, as a safetensors file [texts, dimensions]."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """The training of one model."""

    variant: Variant
    base: Base

    requirements: Requirements
    """Loss and devices that the training file was built for."""

    base_dir: Path
    """Folder of the base's weights."""

    train_file: Path
    """Examples in ms-swift's format, one positive per row, all passes written out in the order of training."""

    rows: int
    """Lines of `train_file`."""

    seed: int

    work_dir: Path
    """Folder of this job's checkpoints and logs (named by its key), from which a killed job resumes."""

    dev_file: Path | None = None
    """Examples whose margin is measured during training; None: no margin."""

    labels: Sequence[tuple[str, ...]] | None = None
    """Labels of each row; where given, the order of the file is checked against the batch rule."""

    device: str = ""
    """cpu or cuda; empty: cuda where there is a GPU."""

    general: General | None = None
    """General texts; None where the recipe reads none."""

    @property
    def drops_last(self) -> bool:
        """Whether an incomplete last batch is left out.

        It is where it would be a single example without any contrast, and under no_duplicates, which puts the rest of a
        frequent label into ever smaller batches.
        """
        if self.variant.batch_rule == "no_duplicates":
            return True
        return self.rows % (self.variant.training.batch_size * self.requirements.devices) == 1

    @property
    def steps(self) -> int:
        """Optimiser steps, as the trainers count them: the last checkpoint has this number."""
        training = self.variant.training
        # ms-swift gives each device the same number of rows and leaves out the remainder (dataloader/shard.py).
        share = self.rows // self.requirements.devices
        batches = share // training.batch_size if self.drops_last else -(-share // training.batch_size)
        steps = -(-batches // training.accumulation)
        return min(steps, training.max_steps or steps)

    @property
    def kept_steps(self) -> tuple[int, ...]:
        """Steps after which a checkpoint is kept for evaluation, ascending, without the last; empty without any."""
        if not self.variant.evaluate_checkpoints:
            return ()
        parts = KEPT_CHECKPOINTS + 1
        steps = {self.steps * part // parts for part in range(1, parts)}
        return tuple(sorted(steps - {0, self.steps}))

    @property
    def examples(self) -> int:
        """Rows that are trained on: from the first row of the file, as many as all steps read."""
        training = self.variant.training
        per_step = training.batch_size * training.accumulation * self.requirements.devices
        return min(self.rows, self.steps * per_step)

    @property
    def trained_rows(self) -> TrainedRows:
        """Rows read by a trainer that takes them in order."""
        return TrainedRows(self.examples, left_out=self.rows - self.examples)


class Step(NamedTuple):
    """Progress of a training."""

    step: int
    total: int
    loss: float

    remaining: float
    """Seconds to go, estimated."""

    accuracy: float | None = None
    """Share of queries whose positive is the closest document of the batch, 0 to 1; None where it isn't measured."""


class Point(NamedTuple):
    """One point of the training curves; None where nothing was logged."""

    step: int
    loss: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None

    margin: float | None = None
    """On the dev examples: mean cosine similarity to the positive minus that to the closest negative, which may be the
    positive of another example (`_runtime/margin.py`)."""

    dev_loss: float | None = None

    accuracy: float | None = None
    """Share of queries whose positive is the closest document of the batch, 0 to 1."""


class Plan(NamedTuple):
    """The command of a training, its environment and its files."""

    command: list[str]

    environment: Mapping[str, str]
    """Variables that are set; others that would change the training are removed."""

    files: tuple[Path, ...]
    """Files and folders that will be created."""

    steps: int


@dataclass(frozen=True, slots=True)
class TrainedRows:
    """How the rows of a training file were read."""

    read: int
    """Rows that the steps read, repetitions counted."""

    repeated: int = 0
    """Repetitions among them."""

    left_out: int = 0
    """Rows that were not read."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A tuned model, and the facts of its training."""

    model_dir: Path
    """Hub layout, for sentence-transformers, transformers, mteb and vLLM."""

    curves: tuple[Point, ...]

    seconds: float
    """Wall time of the training process, including all parts of a resumed one."""

    rows: TrainedRows
    """Rows of the training file that were read."""

    tokens: int
    """Tokens of all texts read, without padding."""

    peak_memory_mib: float
    """Peak memory of all processes together; shared pages count once."""

    peak_gpu_memory_mib: float
    """Peak memory reserved on one GPU; 0 without one."""

    trained_parameters: int
    """Parameters that were trained."""

    parity: Mapping[str, float]
    """Largest difference between two ways of computing the same vectors or scores, by name; and those in `REPORTED`."""

    command: tuple[str, ...]

    environment: Mapping[str, str]
    """Variables that were set, and under `scrubbed` the names of those that were removed."""

    general_margins: tuple[tuple[int, float], ...] = ()
    """Step and margin on general pairs of each check of early stopping; step 0 is the base."""

    checkpoints: Mapping[int, Path] = field(default_factory=dict)
    """Step → folder of its model in hub layout, for those of `TrainingJob.kept_steps`."""

    stopped_after: int | None = None
    """Step whose weights early stopping returned; None for those of the last step."""


class Trainer(Protocol):
    """Interface of a module of this folder; `Options`, where it has any, are a subclass of `TrainerOptions`."""

    REVISION: str
    """Raised whenever the same job gives different weights; part of every key."""

    LOSSES: Sequence[Loss]
    """All losses; the first of each task is the default."""

    def check(self, job: TrainingJob, *, options: Any) -> None:
        """Refuse a recipe or base that can't be trained; called before the training set is built."""
        ...

    def plan(self, job: TrainingJob, *, options: Any) -> Plan:
        """Return the exact command and every file that it will create, after checking the job."""
        ...

    def train(self, job: TrainingJob, *, options: Any, progress: Callable[[Step], None]) -> Outcome:
        """Return the tuned model; an unfinished job resumes from its last checkpoint."""
        ...


def requirements(variant: Variant) -> Requirements:
    """Return the requirements on the training set of a variant, as declared by its trainer.

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
        SpecError: The trainer has no such loss for the variant's task, or the loss conflicts with `in_batch`.
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
    _refuse_other_contrasts(variant, fitting[name], losses, where=where)
    if "temperature" in variant.training.model_dump(exclude_defaults=True) and not fitting[name].tempered:
        tempered = ", ".join(loss.name for loss in losses if loss.tempered)
        raise SpecError(
            f"{where}: training.temperature goes with loss {tempered}, not with {name}. "
            "Remove it or choose another loss."
        )
    return fitting[name]


def declared_loss(variant: Variant) -> Loss:
    """Return the loss of a variant, as its trainer declares it.

    Raises:
        UnknownName: No such trainer.
        SpecError: A loss that the trainer doesn't have.
    """
    losses: Sequence[Loss] = plugins.load("trainers", variant.trainer).LOSSES
    return loss_of(variant, losses)


def _refuse_other_contrasts(variant: Variant, loss: Loss, losses: Sequence[Loss], *, where: str) -> None:
    """Refuse terms and mask of InfoNCE where the loss would ignore them."""
    wanted = [name for name in CONTRASTS if name in variant.training.model_dump(exclude_defaults=True)]
    if not wanted:
        return
    if not loss.contrasts:
        fitting = ", ".join(other.name for other in losses if other.contrasts) or "of another trainer"
        raise SpecError(
            f"{where}: training.{wanted[0]} goes with loss {fitting}, not with {loss.name}. "
            "Remove it or choose another loss."
        )
    if not variant.training.in_batch:
        raise SpecError(
            f"{where}: training.{wanted[0]} is about the other examples of a batch. Set training.in_batch = true, or "
            "remove it."
        )
