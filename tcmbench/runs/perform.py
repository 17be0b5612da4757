"""Performing a job: specs, models and tasks are looked up by name, and results go to the store."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tcmbench import models, tasks
from tcmbench.errors import StorageError, StoreError, TcmbenchError
from tcmbench.evaluation import run
from tcmbench.records import failures
from tcmbench.records.events import MakingStarted, Note, ScoreMeasured, TrainingStep
from tcmbench.runs import checkpoint_choice, trajectories
from tcmbench.specs.model_set import ModelSet
from tcmbench.treatment import treat
from tcmbench.treatment.treatment import Input, resolve
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import recipe_of

if TYPE_CHECKING:
    from tcmbench.records.events import Emit, Event
    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.runs.job import Job
    from tcmbench.trainers import Step
    from tcmbench.treatment.treatment import Treatment
    from tcmbench.tuning.recipe import Recipe
    from tcmbench.tuning.tune import Tuned


def perform(job: Job, *, emit: Emit, device: str | None = None) -> str | None:
    """Train, make or measure, and return None on success, else the reason of the failure, which is also stored.

    Nothing is computed twice: results in the store are used, and for a training or measurement of another process this
    one waits.

    Args:
        job: Job to perform.
        emit: Receives the events.
        device: Device of a model that is measured; None for the default of its library.

    Raises:
        StorageError: The store can't be written to: neither a result nor a reason could be kept.
    """
    try:
        with failures.explained(job.model):
            if job.part is not None:
                _encode(job, job.part, emit=emit, device=device)
            elif job.seed is not None and job.of_checkpoints:
                _measure_checkpoints(job, job.seed, emit=emit, device=device)
            elif job.seed is not None and not job.is_measuring:
                _build(job, job.seed, emit=emit, device=device)
            else:
                _measure(job, emit=emit, device=device)
    except StorageError:
        raise
    except TcmbenchError as error:
        note_failure(job, error)
        return str(error)
    return None


def note_failure(job: Job, error: TcmbenchError) -> None:
    """Store why a job failed, for each of its missing scores, or for its training or making."""
    store = job.workspace.store
    if job.part is not None:  # the measuring, which needs the same vectors, has its own reason
        return
    if not job.is_measuring:
        failures.note(store, job.key, error)
        return
    # A model that can't be looked up has its own reason where its scores are gathered.
    with contextlib.suppress(TcmbenchError), failures.explained(job.model):
        planned = _planned(job)
        model = _model(job, planned)
        for column in run.missing(job.workspace, model, planned):
            name = run.key_of(model, column, planned)
            if column.column in job.columns and failures.last(store, name) is None:
                failures.note(store, name, error)


def is_taken(job: Job) -> bool:
    """Return whether another process is performing the training or making; False for measuring jobs."""
    return job.is_building and job.workspace.store.is_locked(job.kind, job.key)


def _build(job: Job, seed: int, *, emit: Emit, device: str | None) -> None:
    """Make the model of a cure or form, or train that of a variant."""
    if job.is_treated:
        emit(MakingStarted(job.model))
        cured = treat.make(job.workspace, _treatment(job, _planned(job)), seed=seed, device=device)
        emit(Note(f"{job.model}: made in {float(str(cured.outcome['seconds'])):.0f} s"))
        return

    def progress(step: Step) -> None:
        emit(TrainingStep(job.model, *step))

    recipe = _recipe(job, _planned(job))
    tuned = tune.tune(job.workspace, recipe, seed=seed, progress=progress)
    emit(Note(f"{job.model}: trained in {float(str(tuned.outcome['seconds'])):.0f} s"))


def _measure(job: Job, *, emit: Emit, device: str | None) -> None:
    planned = _planned(job)
    model = _model(job, planned)
    columns = [c for c in run.missing(job.workspace, model, planned) if c.column in job.columns]
    run.measure(job.workspace, model, columns, planned, emit=emit, device=device)


def _encode(job: Job, part: tuple[int, int], *, emit: Emit, device: str | None) -> None:
    planned = _planned(job)
    column = next(column for column in planned.suite.tasks if column.column == job.columns[0])
    run.encode(job.workspace, _model(job, planned), column, planned, part=part, emit=emit, device=device)


def _measure_checkpoints(job: Job, seed: int, *, emit: Emit, device: str | None) -> None:
    planned = _planned(job)
    recipe = _recipe(job, planned)
    model_set = job.workspace.spec(ModelSet, job.set_name)
    tuned = _tuned(job, recipe, seed)
    trajectories.measure(
        job.workspace, recipe, tuned, planned, reference=model_set.reference, emit=_only_progress(emit), device=device
    )
    if recipe.variant.select == "gate":
        checkpoint_choice.choose(job.workspace, model_set, tuned, planned)
        checkpoint_choice.chosen(job.workspace, model_set, recipe, tuned, planned)


def _only_progress(emit: Emit) -> Emit:
    """Return a receiver of events without those of scores: scores of a probe are none of the board's columns."""

    def show(event: Event) -> None:
        if not isinstance(event, ScoreMeasured):
            emit(event)

    return show


def _planned(job: Job) -> PlannedSuite:
    return tasks.plan_set(job.workspace, job.workspace.spec(ModelSet, job.set_name))


def _model(job: Job, planned: PlannedSuite) -> Model:
    if job.seed is None:
        return models.base_model(job.workspace, job.name)
    if job.is_treated:
        made = treat.usable_input(job.workspace, Input(_treatment(job, planned), job.seed))
        if made is None:
            raise _gone(job)
        return made
    recipe, model_set = _recipe(job, planned), job.workspace.spec(ModelSet, job.set_name)
    tuned = _tuned(job, recipe, job.seed)
    chosen = checkpoint_choice.chosen(job.workspace, model_set, recipe, tuned, planned, loads=True)
    if chosen is None:
        raise StoreError(f"{job.model}: no checkpoint was chosen yet. Run the set again.")
    return chosen.model


def _tuned(job: Job, recipe: Recipe, seed: int) -> Tuned:
    tuned = tune.usable(job.workspace, recipe, seed=seed)
    if tuned is None:
        raise _gone(job)
    return tuned


def _gone(job: Job) -> StoreError:
    return StoreError(
        f"{job.model}: {job.workspace.cache} does not hold its model as it was written. Run again to rebuild it."
    )


def _treatment(job: Job, planned: PlannedSuite) -> Treatment:
    model_set = job.workspace.spec(ModelSet, job.set_name)
    spec = next(each for each in job.workspace.treated(model_set) if each.name == job.name)
    return resolve(job.workspace, spec, model_set, planned)


def _recipe(job: Job, planned: PlannedSuite) -> Recipe:
    model_set = job.workspace.spec(ModelSet, job.set_name)
    return recipe_of(job.workspace, job.workspace.variant(job.name, of=model_set), planned)
