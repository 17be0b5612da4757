"""A model set as jobs: each trains one model or measures one, says what it needs, and waits for at most one other.

A job is small and can be pickled: names, paths and keys. Whoever performs it looks everything else up again, and what
it makes goes to the store, under keys that depend on no job. So a job can be sent to another process or machine that
sees the same folders, can be performed again after a crash, and two runs can plan the same jobs.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench import models
from tcmbench.errors import DamagedArtefact, TcmbenchError
from tcmbench.evaluation import run
from tcmbench.records import failures
from tcmbench.specs.base import Base
from tcmbench.store import Json, key
from tcmbench.trainers import requirements
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import recipe_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.specs.variant import Variant
    from tcmbench.tuning.recipe import Recipe
    from tcmbench.workspace import Workspace

_MODEL_THREADS = 4
_ADAM = 4
"""Weights, gradients and two moments, in the size of the weights each."""

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job needs of a machine."""

    gpus: int
    """GPUs that it uses where there are any; 0 for one that has no use for a GPU."""

    memory_mib: int | None
    """Least memory, of the GPU where it uses one: weights, and for a full training gradients and the optimiser's state.
    None where nothing is known."""

    threads: int
    """Processor threads that it makes use of where no GPU does the work; fewer make it slower."""


@dataclass(frozen=True, slots=True)
class Job:
    """The training of one seed of a variant, or the measuring of one model."""

    key: str
    """Hash of what is done: equal jobs of two runs have equal keys. Of a training, the key of the tuned model."""

    workspace: Workspace
    """Folders."""

    set_name: str
    """Set that the job is part of; its suite says what is measured."""

    name: str
    """Name of the base or variant."""

    seed: int | None
    """Seed of a variant; None for a base."""

    columns: tuple[str, ...]
    """Columns to measure; empty for a training."""

    needs: Needs
    """What it needs of a machine."""

    after: str | None = None
    """Key of the job that must be done before; None when it can begin at once."""

    @property
    def is_training(self) -> bool:
        """Whether it trains a model."""
        return not self.columns

    @property
    def model(self) -> str:
        """Name of the model: the base's, or `variant/seed0`."""
        return self.name if self.seed is None else f"{self.name}/seed{self.seed}"


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """All that is missing of a set."""

    jobs: tuple[Job, ...]
    """In the order of the set; a training stands before what waits for it."""

    refused: Mapping[str, str]
    """Base or variant → why nothing can be done for it."""

    @property
    def scores(self) -> int:
        """Number of scores that are to be measured."""
        return sum(len(job.columns) for job in self.jobs)


def plan(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite) -> PlannedRun:
    """Return the jobs that are left of a set; a model that can't be planned doesn't stop the others.

    Raises:
        UnknownName: The set names a base or variant that doesn't exist.
        SpecError: A spec that can't be read.
    """
    # All of the set is read before anything is planned: a misspelt name ends no run of hours.
    bases = [workspace.spec(Base, name, where=f"set {model_set.name}") for name in model_set.models]
    variants = workspace.variants(model_set)
    planner = _Planner(workspace, model_set, planned)
    jobs: list[Job] = []
    refused: dict[str, str] = {}
    for base in bases:
        with _refusing(refused, "base", base.name):
            jobs += planner.base(base)
    for variant in variants:
        with _refusing(refused, "variant", variant.name):
            jobs += planner.variant(variant)
    return PlannedRun(tuple(jobs), refused)


@contextlib.contextmanager
def _refusing(refused: dict[str, str], kind: str, name: str) -> Iterator[None]:
    """Enter the name with its reason into `refused` where the body fails."""
    try:
        with failures.explained(f"{kind} {name}"):
            yield
    except TcmbenchError as error:
        refused[name] = str(error)


@dataclass(frozen=True, slots=True)
class _Planner:
    workspace: Workspace

    model_set: ModelSet

    planned: PlannedSuite

    def base(self, base: Base) -> list[Job]:
        """Return the measuring of a base."""
        model = models.base_model(self.workspace, base.name, download=True)
        columns = run.missing(self.workspace, model, self.planned)
        return self._measuring(model.revision, columns, model.model_dir, name=base.name, seed=None)

    def variant(self, variant: Variant) -> list[Job]:
        """Return the trainings of a variant and the measuring of its models."""
        recipe = recipe_of(self.workspace, variant, self.planned)
        return [job for seed in variant.seeds for job in self._seed(recipe, seed)]

    def _seed(self, recipe: Recipe, seed: int) -> list[Job]:
        name = recipe.variant.name
        if self._is_measured(recipe, seed):
            return []
        tuned = tune.usable(self.workspace, recipe, seed=seed)
        if tuned is not None:
            columns = run.missing(self.workspace, tuned.model, self.planned)
            return self._measuring(tuned.model.revision, columns, tuned.model.model_dir, name=name, seed=seed)
        training = self._training(recipe, seed)
        columns = run.measurable(recipe.base, self.planned)
        measuring = self._measuring(training.key, columns, recipe.base_dir, name=name, seed=seed, after=training.key)
        return [training, *measuring]

    def _is_measured(self, recipe: Recipe, seed: int) -> bool:
        """Return whether a tuned model has all its scores; its weights, which nobody will load, are not read."""
        with contextlib.suppress(DamagedArtefact):
            tuned = tune.stored(self.workspace, recipe, seed=seed)
            return tuned is not None and not run.missing(self.workspace, tuned.model, self.planned)
        return False

    def _training(self, recipe: Recipe, seed: int) -> Job:
        weights = _mib(recipe.base_dir)
        return Job(
            key=tune.model_key(self.workspace, recipe, seed=seed),
            workspace=self.workspace,
            set_name=self.model_set.name,
            name=recipe.variant.name,
            seed=seed,
            columns=(),
            needs=Needs(
                gpus=requirements(recipe.variant).devices,
                memory_mib=weights * _ADAM if recipe.variant.tuner == "full" else weights,
                threads=_MODEL_THREADS,
            ),
        )

    def _measuring(
        self,
        model: str,
        columns: Sequence[SuiteTask],
        weights: Path | None,
        *,
        name: str,
        seed: int | None,
        after: str | None = None,
    ) -> list[Job]:
        """Return one job for all columns, so that the model is loaded once; none without columns.

        Args:
            model: Revision of the model; of one that isn't trained yet, the key of its training. With the revisions of
                the tasks it is what the keys of the scores are made of.
            columns: What is measured.
            weights: Folder of weights of its size; None for a model without any.
            name: Name of the base or variant.
            seed: Seed of a variant.
            after: Key of its training.
        """
        if not columns:
            return []
        tasks = self.planned.tasks
        measured: list[Json] = [[tasks[c.task].revision, c.task, c.split, c.subset] for c in columns]
        return [
            Job(
                key=key("measuring 1", {"model": model, "columns": measured}),
                workspace=self.workspace,
                set_name=self.model_set.name,
                name=name,
                seed=seed,
                columns=tuple(column.column for column in columns),
                needs=Needs(0, None, 1) if weights is None else Needs(1, _mib(weights), _MODEL_THREADS),
                after=after,
            )
        ]


def _mib(folder: Path) -> int:
    """Return the size of a model's weights, rounded up."""
    return -(-sum(path.stat().st_size for path in folder.rglob("*.safetensors")) // _MIB)
