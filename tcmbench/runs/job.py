"""A job of a run: the training, making or measuring of one model, with its needs and the jobs that it depends on.

A job is small and can be pickled: names, paths and keys. Everything else is looked up where it is performed, and its
results go to the store, under keys that don't depend on the job. So a job can be sent to another process or machine
with the same folders, can be repeated after a crash, and two runs can plan the same jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.treatment import treat
from tcmbench.tuning import tune

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job needs of a machine."""

    gpus: int
    """GPUs that it uses where there are any; 0 for a job that can't use one."""

    memory_mib: int | None
    """Least memory, of the GPU where it uses one: weights, and for a full training gradients and the optimiser's state.
    None if unknown."""

    threads: int
    """Processor threads that it can use without a GPU; fewer make it slower."""


@dataclass(frozen=True, slots=True)
class Job:
    """The training of one seed, the making of a cure's or form's model, or the measuring of one or of checkpoints."""

    key: str
    """Hash of the work: equal jobs of two runs have equal keys. For a training or making, the key of the model."""

    workspace: Workspace
    """Folders."""

    set_name: str
    """Set of the job, with the suite."""

    name: str
    """Name of the base, variant, cure or form."""

    seed: int | None
    """Seed of a variant, cure or form; None for a base."""

    columns: tuple[str, ...]
    """Columns to measure, or the one to encode; empty for a training or making."""

    needs: Needs
    """Resources that it needs."""

    after: tuple[str, ...] = ()
    """Keys of the jobs that it depends on; empty if it can start immediately."""

    is_treated: bool = False
    """Whether the model is that of a cure or form."""

    of_checkpoints: bool = False
    """Whether it measures the checkpoints of a training, on a part of each task."""

    part: tuple[int, int] | None = None
    """Documents of its only column that it encodes, and doesn't measure: first, and the one after the last."""

    @property
    def is_measuring(self) -> bool:
        """Whether it measures a model on columns of the suite."""
        return bool(self.columns) and self.part is None

    @property
    def is_building(self) -> bool:
        """Whether it trains or makes a model."""
        return not self.columns and not self.of_checkpoints

    @property
    def kind(self) -> str:
        """Kind of the store that a training or making writes."""
        return treat.KIND if self.is_treated else tune.KIND

    @property
    def model(self) -> str:
        """Name of the model: the base's, or `variant/seed0`."""
        return self.name if self.seed is None else f"{self.name}/seed{self.seed}"
