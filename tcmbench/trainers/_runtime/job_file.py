"""A training job as a file, for worker processes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tcmbench.specs.base import Base
from tcmbench.specs.variant import Variant
from tcmbench.trainers import Point, TrainedRows

if TYPE_CHECKING:
    from tcmbench.trainers import TrainingJob


class Work(BaseModel):
    """The input of a worker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: Variant
    base: Base
    base_dir: Path
    train_file: Path
    dev_file: Path | None
    examples: int
    """Rows of `train_file` that are trained on, from the first."""

    seed: int
    steps: int
    drops_last: bool
    device: str
    output: Path
    """Folder of the worker's output: checkpoints or the finished model."""

    checkpoint: Path | None = None
    """Weights of a finished training, or a checkpoint to resume from."""

    kept_steps: tuple[int, ...] = ()
    """Steps after which a checkpoint is kept for evaluation."""

    general_texts: Path | None = None
    """General texts; None where the recipe reads none."""

    general_vectors: Path | None = None
    """The base's vectors of them."""


class WorkResult(BaseModel):
    """The output of a worker."""

    # Non-finite numbers are kept: pydantic's default is null, which can't be read back.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    trained_parameters: int
    rows: TrainedRows | None = None
    """None where each row was read once, from the first on."""

    tokens: int
    gpu_memory_mib: float = 0.0
    parity: dict[str, float] = {}
    curves: tuple[Point, ...] = ()
    general_margins: tuple[tuple[int, float], ...] = ()
    stopped_after: int | None = None
    checkpoints: tuple[int, ...] = ()
    """Steps of the models in `checkpoints/step-N`."""


def work_of(job: TrainingJob, *, device: str, output: Path, checkpoint: Path | None = None) -> Work:
    """Return the job as the input of a worker."""
    return Work(
        variant=job.variant,
        base=job.base,
        base_dir=job.base_dir,
        train_file=job.train_file,
        dev_file=job.dev_file,
        examples=job.examples,
        seed=job.seed,
        steps=job.steps,
        drops_last=job.drops_last,
        device=device,
        output=output,
        checkpoint=checkpoint,
        kept_steps=job.kept_steps,
        general_texts=job.general.texts if job.general is not None else None,
        general_vectors=job.general.vectors if job.general is not None else None,
    )


def read_work(path: Path) -> Work:
    """Return the contents of a work file."""
    return Work.model_validate_json(path.read_text(encoding="utf-8"))


def worker_command(module: str, *, work: Path, answer: Path) -> list[str]:
    """Return the command of a worker module.

    Args:
        module: Name below `tcmbench.trainers`.
        work: File of the `Work`.
        answer: File for the `Result`.
    """
    return [sys.executable, "-m", f"tcmbench.trainers.{module}", str(work), str(answer)]
