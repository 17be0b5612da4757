"""Planning the jobs of a model set: each trains, makes or measures one model, after those that it depends on."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tcmbench import models
from tcmbench.errors import DamagedArtefact, TcmbenchError
from tcmbench.evaluation import run
from tcmbench.records import failures
from tcmbench.records.model import Model
from tcmbench.runs import checkpoint_choice, corpus_parts, trajectories
from tcmbench.runs.job import Job, Needs
from tcmbench.runs.part import WHOLE, Part
from tcmbench.specs.base import Base
from tcmbench.store import Json, key
from tcmbench.trainers import requirements
from tcmbench.treatment import treat
from tcmbench.treatment.treatment import Input, kind_of, resolve
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import Recipe, recipe_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.cure import Cure
    from tcmbench.specs.form import Form
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.specs.variant import Variant
    from tcmbench.treatment.treatment import Treatment
    from tcmbench.tuning.tune import Tuned
    from tcmbench.workspace import Workspace

_MODEL_THREADS = 4
_ADAM = 4
"""Weights, gradients and two moments, each as large as the weights."""

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """All jobs that a set needs."""

    jobs: tuple[Job, ...]
    """In the order of the set; each comes after the jobs that it depends on."""

    refused: Mapping[str, str]
    """Base, variant, cure or form → why no job can be planned for it."""

    @property
    def scores(self) -> int:
        """Number of scores to measure."""
        return sum(len(job.columns) for job in self.jobs if job.is_measuring)


def plan(
    workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, *, part: Part = WHOLE, in_parallel: bool = False
) -> PlannedRun:
    """Return the jobs that a set, or a part of it, needs; a model that can't be planned doesn't stop the others.

    Args:
        workspace: Folders.
        model_set: The set.
        planned: Its suite.
        part: Models and columns.
        in_parallel: Whether several jobs run at a time, which then encode large corpora together.

    Raises:
        UnknownName: The set names a base or variant that doesn't exist.
        SpecError: A spec that can't be read.
    """
    # All specs of the set are read before planning, so that a misspelt name fails immediately.
    bases = [workspace.spec(Base, name, where=f"set {model_set.name}") for name in model_set.models]
    variants, treated = workspace.variants(model_set), workspace.treated(model_set)
    planner = _Planner(workspace, model_set, planned, part, in_parallel)
    jobs: list[Job] = []
    refused: dict[str, str] = {}
    for base in (base for base in bases if part.has_model(base.name)):
        with _refusing(refused, "base", base.name):
            jobs += planner.base(base)
    for variant in (variant for variant in variants if part.has_model(variant.name)):
        with _refusing(refused, "variant", variant.name):
            jobs += planner.variant(variant)
    planner = replace(planner, trained=frozenset(job.key for job in jobs if job.is_building))
    for spec in (spec for spec in treated if part.has_model(spec.name)):
        with _refusing(refused, kind_of(spec), spec.name):
            jobs += planner.treated(spec)
    # A model that several rows are made from is trained once. Equal models under several names, such as servers, are
    # all measured: where one fails, the next may not.
    once = {job.key: job for job in reversed(jobs) if not job.is_measuring}
    return PlannedRun(tuple(job for job in jobs if job.is_measuring or once[job.key] is job), refused)


@contextlib.contextmanager
def _refusing(refused: dict[str, str], kind: str, name: str) -> Iterator[None]:
    """Add the name with the reason to `refused` if the body fails."""
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

    part: Part

    in_parallel: bool

    trained: frozenset[str] = frozenset()
    """Keys of the trainings that are planned for the variants."""

    def base(self, base: Base) -> list[Job]:
        """Return the measuring of a base."""
        model = models.base_model(self.workspace, base.name, download=True)
        columns = self._missing(model)
        return self._measuring(model.revision, columns, base, model.model_dir, name=base.name, seed=None)

    def variant(self, variant: Variant) -> list[Job]:
        """Return the trainings of a variant and the measuring of its models."""
        recipe = recipe_of(self.workspace, variant, self.planned, download=True)
        return [job for seed in variant.seeds for job in self._seed(recipe, seed)]

    def treated(self, spec: Cure | Form) -> list[Job]:
        """Return the making of the models of a cure or form, with the missing trainings, and their measuring."""
        treatment = resolve(self.workspace, spec, self.model_set, self.planned, download=True)
        return [job for seed in treatment.seeds for job in self._treated(treatment, seed)]

    def _treated(self, treatment: Treatment, seed: int) -> list[Job]:
        name = treatment.spec.name
        if not self._is_renewed(Input(treatment, seed)):
            with contextlib.suppress(DamagedArtefact):
                cured = treat.stored(self.workspace, treatment, seed=seed)
                if cured is not None and not self._missing(cured.model):
                    return []
            cured = treat.usable(self.workspace, treatment, seed=seed)
            if cured is not None:
                model, columns, base = cured.model, self._missing(cured.model), treatment.treated
                return self._measuring(
                    model.revision, columns, base, model.model_dir, name=name, seed=seed, is_treated=True
                )
        *before, making = self._making(Input(treatment, seed))
        columns = self.part.of(run.measurable(treatment.treated, self.planned))
        weights, after = treatment.base.model_dir, (making.key,)
        measuring = self._measuring(
            making.key, columns, treatment.treated, weights, name=name, seed=seed, after=after, is_treated=True
        )
        return [*before, making, *measuring]

    def _is_renewed(self, one: Input) -> bool:
        """Return whether a model is trained in this run, or made from such a one, which may then be another model."""
        if isinstance(one.source, Model):
            return False
        if isinstance(one.source, Recipe):
            return treat.input_key(self.workspace, one) in self.trained
        return any(map(self._is_renewed, one.source.inputs(one.seed)))

    def _making(self, one: Input) -> list[Job]:
        """Return the job that trains or makes a missing model, after those that it depends on."""
        if isinstance(one.source, Model):
            return []
        if isinstance(one.source, Recipe):
            return [self._training(one.source, one.seed)]
        inputs = one.source.inputs(one.seed)
        missing = [i for i in inputs if self._is_renewed(i) or treat.usable_input(self.workspace, i) is None]
        before = [job for each in missing for job in self._making(each)]
        after = tuple(treat.input_key(self.workspace, each) for each in missing)
        loads = bool(one.source.method.module.LOADS_MODEL)
        folder = one.source.base.model_dir
        making = Job(
            key=treat.input_key(self.workspace, one),
            workspace=self.workspace,
            set_name=self.model_set.name,
            name=one.source.spec.name,
            seed=one.seed,
            columns=(),
            needs=Needs(int(loads), None if folder is None else _mib(folder), _MODEL_THREADS),
            after=after,
            is_treated=True,
        )
        return [*before, making]

    def _seed(self, recipe: Recipe, seed: int) -> list[Job]:
        name = recipe.variant.name
        if self._is_measured(recipe, seed):
            return []
        tuned = tune.usable(self.workspace, recipe, seed=seed)
        checkpoints = self._trajectory(recipe, seed, tuned=tuned)
        model = None if tuned is None else self._chosen(recipe, tuned)
        if model is not None:
            missing, base = self._missing(model), recipe.base
            measuring = self._measuring(model.revision, missing, base, model.model_dir, name=name, seed=seed)
            return [*measuring, *checkpoints]
        training = [] if tuned is not None else [self._training(recipe, seed)]
        # The model that is measured is the trained one, or is chosen after its checkpoints were measured.
        is_chosen = recipe.variant.select == "gate"
        after = (checkpoints if is_chosen else training)[0].key
        columns = self.part.of(run.measurable(recipe.base, self.planned))
        measuring = self._measuring(after, columns, recipe.base, recipe.base_dir, name=name, seed=seed, after=(after,))
        return [*training, *checkpoints, *measuring] if is_chosen else [*training, *measuring, *checkpoints]

    def _chosen(self, recipe: Recipe, tuned: Tuned) -> Model | None:
        """Return the model of a training that is measured; None where its checkpoint is to be chosen yet."""
        chosen = checkpoint_choice.chosen(self.workspace, self.model_set, recipe, tuned, self.planned)
        return None if chosen is None else chosen.model

    def _trajectory(self, recipe: Recipe, seed: int, *, tuned: Tuned | None) -> list[Job]:
        """Return the measuring of a training's checkpoints; none where they aren't wanted, or are measured."""
        wanted = self.part == WHOLE or recipe.variant.select == "gate"
        if not recipe.variant.evaluate_checkpoints or not wanted:
            return []
        reference = self.model_set.reference
        if (
            tuned is not None
            and trajectories.is_measured(self.workspace, tuned, reference, self.planned)
            and self._chosen(recipe, tuned) is not None
        ):
            return []
        name = tune.model_key(self.workspace, recipe, seed=seed)
        return [
            Job(
                key=trajectories.job_key(name, reference, self.planned),
                workspace=self.workspace,
                set_name=self.model_set.name,
                name=recipe.variant.name,
                seed=seed,
                columns=(),
                needs=Needs(1, _mib(recipe.base_dir), _MODEL_THREADS),
                after=() if tuned is not None else (name,),
                of_checkpoints=True,
            )
        ]

    def _is_measured(self, recipe: Recipe, seed: int) -> bool:
        """Return whether a tuned model has all its scores; its weights, which nobody will load, are not read."""
        with contextlib.suppress(DamagedArtefact):
            tuned = tune.stored(self.workspace, recipe, seed=seed)
            if tuned is None or self._trajectory(recipe, seed, tuned=tuned):
                return False
            model = self._chosen(recipe, tuned)
            return model is not None and not self._missing(model)
        return False

    def _missing(self, model: Model) -> tuple[SuiteTask, ...]:
        return self.part.of(run.missing(self.workspace, model, self.planned))

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
        base: Base,
        weights: Path | None,
        *,
        name: str,
        seed: int | None,
        after: tuple[str, ...] = (),
        is_treated: bool = False,
    ) -> list[Job]:
        """Return one job for all columns, so that the model is loaded once, after those that encode large corpora.

        Args:
            model: Revision of the model; for one that doesn't exist yet, the key of its training or making.
            columns: Columns to measure; without any there is no job.
            base: Base with its encoder.
            weights: Folder of weights of its size; None for a model without weights.
            name: Name of the base, variant, cure or form.
            seed: Seed of a variant, cure or form.
            after: Key of its training or making.
            is_treated: Whether it is the model of a cure or form.
        """
        if not columns:
            return []
        tasks = self.planned.tasks
        measured: list[Json] = [[tasks[c.task].measured_revision, c.task, c.split, c.subset] for c in columns]
        job = Job(
            key=key("measuring 1", {"model": model, "columns": measured}),
            workspace=self.workspace,
            set_name=self.model_set.name,
            name=name,
            seed=seed,
            columns=tuple(column.column for column in columns),
            needs=Needs(0, None, 1) if weights is None else Needs(1, _mib(weights), _MODEL_THREADS),
            after=after,
            is_treated=is_treated,
        )
        return self._in_parts(job, base) if self.in_parallel else [job]

    def _in_parts(self, job: Job, base: Base) -> list[Job]:
        """Return jobs that encode large corpora, and the measuring after them."""
        encodings = [
            replace(job, key=key("encoding 1", [job.key, *part]), columns=(part.column,), part=(part.first, part.end))
            for part in corpus_parts.of(job.columns, base, self.planned)
        ]
        return [*encodings, replace(job, after=(*job.after, *(each.key for each in encodings)))]


def _mib(folder: Path) -> int:
    """Return the size of a model's weights, rounded up."""
    return -(-sum(path.stat().st_size for path in folder.rglob("*.safetensors")) // _MIB)
