"""Training of one variant with one seed: the tuned model, stored under the hash of all its inputs."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tcmbench import manifests, plugins, processor
from tcmbench.encoders.runtime.batches import release
from tcmbench.errors import DamagedArtefact, StorageError, StoreError, TcmbenchError
from tcmbench.models import tuned_model
from tcmbench.models.revisions import weights_hash
from tcmbench.records import failures
from tcmbench.records.provenance import provenance
from tcmbench.specs.base import LABELS
from tcmbench.store import Json, differences, key, read_json, write_json
from tcmbench.store_inventory import OWNER
from tcmbench.trainers._runtime import gpus
from tcmbench.tuning import general_texts, teaching, trajectory
from tcmbench.tuning.context import build_context
from tcmbench.tuning.row_data import ingredients

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.plugins import Plugin
    from tcmbench.records.model import Model
    from tcmbench.records.reason import Reason
    from tcmbench.specs.variant import Variant
    from tcmbench.store import Store
    from tcmbench.trainers import General, Outcome, Plan, Step, TrainingJob
    from tcmbench.trainsets import Context
    from tcmbench.trainsets.train_set import TrainSet
    from tcmbench.tuning.general_texts import GeneralTexts
    from tcmbench.tuning.recipe import Recipe
    from tcmbench.workspace import Workspace

logger = logging.getLogger(__name__)

KIND = "models"

_OUTCOME, _MODEL = "outcome.json", "model"
"""Parts of a tuned model that are read; the others are logs."""

_STAGE = "tuned 2"
_OF_TRAINING = frozenset({"task", "head", "tuner", "batch_rule", "evaluate_checkpoints"})
"""Fields of a variant that a trainer reads besides `training`; the effect of the others is in the training set."""

_APART = frozenset({"model_dir", "curves", "checkpoints"})
"""Fields of an outcome that are stored otherwise than as they are."""

_LOGS = ("logging.jsonl", "args.json", "console.log", "runs")
"""Logs that are kept with the model; `runs` is TensorBoard's."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """A tuned model in the store."""

    model: Model
    """The model for evaluation."""

    folder: Path
    """model/, outcome.json and the logs."""

    outcome: dict[str, Json]
    """Facts of the training: curves, seconds, tokens, memory, parity, command, environment, provenance."""


def training_set(workspace: Workspace, recipe: Recipe, *, seed: int) -> TrainSet:
    """Return the training set, built unless it is in the store."""
    from tcmbench.trainsets.ingredient import build_one
    from tcmbench.trainsets.mixture import build_mixture

    variant, base, context = recipe.variant, recipe.base, build_context(workspace, recipe)
    teacher, sources = teaching.teacher_of(workspace, variant), ingredients(recipe)
    if variant.is_mixture:
        made = build_mixture(variant, base, sources, seed=seed, context=context)
    else:
        made = build_one(variant, base, sources[0], seed=seed, context=context)
    return made if teacher is None else teaching.taught(workspace, made, teacher, recipe)


def _training_set_key(workspace: Workspace, recipe: Recipe, context: Context, *, seed: int) -> str:
    from tcmbench.trainsets import mixture
    from tcmbench.trainsets.ingredient import key_of

    variant, base, sources = recipe.variant, recipe.base, ingredients(recipe)
    if variant.is_mixture:
        name = mixture.name_of(variant, base, sources, seed=seed, context=context)
    else:
        name = key_of(variant, base, sources[0], seed=seed, context=context)
    teacher = teaching.teacher_of(workspace, variant)
    return name if teacher is None else teaching.name_of(name, teacher)


def model_key(workspace: Workspace, recipe: Recipe, *, seed: int) -> str:
    """Return the key of a tuned model: trainer, its runtime, recipe, training set, weights of the base, seed."""
    from tcmbench.trainers._runtime import RUNTIME_REVISION

    variant, context = recipe.variant, build_context(workspace, recipe)
    return key(
        _STAGE,
        {
            "trainer": _trainer(variant).identity(),
            "runtime": RUNTIME_REVISION,
            "loss": context.requirements.loss,
            "training": differences(variant.training, exclude={"loss", "options"}),
            "trainset": _training_set_key(workspace, recipe, context, seed=seed),
            "base": differences(recipe.base, exclude=LABELS),
            "weights": weights_hash(recipe.base_dir),
            "seed": seed,
            "variant": differences(variant, include=_OF_TRAINING),
            **({} if recipe.general is None else {"general_texts": recipe.general.key}),
        },
    )


def stored(workspace: Workspace, recipe: Recipe, *, seed: int) -> Tuned | None:
    """Return the tuned model of the store, None when it was never trained.

    Its revision is that of the files that were trained, by the manifest: they are not read, so a board, which shows
    the scores of those files, does not read gigabytes. `usable` reads them.

    Raises:
        DamagedArtefact: The manifest or the outcome is not as it was written.
    """
    store, name = workspace.store, model_key(workspace, recipe, seed=seed)
    folder = store.path(KIND, name)
    if folder.exists() and not store.has_manifest(KIND, name):
        adopt(store, name)
    if store.open(KIND, name, _OUTCOME) is None:
        return None
    outcome = read_json(folder / _OUTCOME)
    if not isinstance(outcome, dict):
        raise StoreError(f"{folder / _OUTCOME}: expected an object. Delete it and run again.")
    files = manifests.read(folder, kind=KIND, key=name)
    model = tuned_model(
        recipe.base,
        name=f"{recipe.variant.name}/seed{seed}",
        model_dir=folder / _MODEL,
        seed=seed,
        files={
            file.removeprefix(f"{_MODEL}/"): sha256 for file, sha256 in files.items() if file.startswith(f"{_MODEL}/")
        },
    )
    return Tuned(model, folder, outcome)


def usable(workspace: Workspace, recipe: Recipe, *, seed: int) -> Tuned | None:
    """Return the tuned model whose files are all as they were trained, so that it can be loaded.

    None where it has to be trained: there is none, or it is damaged, and the log says so.
    """
    try:
        tuned = stored(workspace, recipe, seed=seed)
        if tuned is not None:
            workspace.store.open(KIND, tuned.folder.name, _MODEL)
    except DamagedArtefact as error:
        logger.error("%s: %s. The model has to be trained again.", error.path, error.what)
        return None
    return tuned


def adopt(store: Store, name: str) -> None:
    """Give a tuned model of an earlier version its manifest, where it has all its parts."""
    folder = store.path(KIND, name)
    if (folder / _OUTCOME).is_file() and (folder / _MODEL).is_dir():
        store.adopt(KIND, name)


def failure(workspace: Workspace, recipe: Recipe, *, seed: int) -> Reason | None:
    """Return why the last training failed; None if it didn't, or there was none."""
    last = failures.last(workspace.store, model_key(workspace, recipe, seed=seed))
    return None if last is None else last.reason


def tune(workspace: Workspace, recipe: Recipe, *, seed: int, progress: Callable[[Step], None]) -> Tuned:
    """Return the tuned model, trained unless it is in the store as it was written.

    A killed training resumes from its checkpoint.

    Raises:
        TrainingError: The training failed, or nothing was learned.
        ParityError: The stored model differs from the trained one.
        SpecError: The recipe can't be followed.
    """
    name = model_key(workspace, recipe, seed=seed)
    store = workspace.store
    with store.lock(KIND, name):
        found = usable(workspace, recipe, seed=seed)
        if found is not None:
            return found
        try:
            made, job, outcome = _trained(workspace, recipe, seed=seed, name=name, progress=progress)
        except StorageError:
            raise
        except TcmbenchError as error:
            failures.note(store, name, error)
            raise
        trajectory.store_checkpoints(store, name, outcome.checkpoints)
        with store.build(KIND, name) as part:
            _keep_logs(job.work_dir, part)
            origin = provenance(workspace.root, seconds=outcome.seconds, seed=seed)
            write_json(
                part / _OUTCOME,
                {
                    **_facts(outcome),
                    **_owner(recipe, made, seed=seed),
                    "loss": job.requirements.loss,
                    "steps": job.steps if outcome.stopped_after is None else outcome.stopped_after,
                    "statistics": _statistics(recipe, made, outcome),
                    "provenance": origin.model_dump(mode="json"),
                },
            )
            # Last: what fails before, for want of room, leaves the model where the next run finds it.
            shutil.move(outcome.model_dir, part / _MODEL)
        failures.forget(store, name)
        shutil.rmtree(job.work_dir, ignore_errors=True)
    found = stored(workspace, recipe, seed=seed)
    if found is None:
        raise StoreError(f"{store.path(KIND, name)}: the model that was just trained is gone. Run again.")
    return found


def _owner(recipe: Recipe, made: TrainSet, *, seed: int) -> dict[str, Json]:
    """Return what a training belongs to, by which its artefacts are found."""
    return {"variant": recipe.variant.name, "seed": seed, "trainset": made.key}


def _keep_logs(work_dir: Path, part: Path) -> None:
    for source in (folder / name for folder in (work_dir, work_dir / "run") for name in _LOGS):
        if source.is_dir():
            shutil.copytree(source, part / source.name)
        elif source.is_file():
            shutil.copy2(source, part / source.name)


def _trained(
    workspace: Workspace, recipe: Recipe, *, seed: int, name: str, progress: Callable[[Step], None]
) -> tuple[TrainSet, TrainingJob, Outcome]:
    with failures.explained(f"variant {recipe.variant.name}, training set", place=workspace.cache):
        _check(workspace, recipe, seed=seed, name=name)
        made = training_set(workspace, recipe, seed=seed)
    with failures.explained(f"variant {recipe.variant.name}, general texts", place=workspace.cache):
        job = _job(workspace, recipe, made, seed=seed, name=name)
    write_json(job.work_dir / OWNER, _owner(recipe, made, seed=seed))
    trainer = _trainer(recipe.variant)
    release()
    if not gpus.visible():
        processor.warn_of_emulation(recipe.variant.training.dtype, where=f"variant {recipe.variant.name}, training")
    with failures.explained(f"variant {recipe.variant.name}, training", place=job.work_dir):
        outcome = trainer.module.train(job, options=trainer.options, progress=progress)
    return made, job, outcome


def plan(workspace: Workspace, recipe: Recipe, *, seed: int) -> Plan:
    """Return the exact command of a training and every file that it will create; builds the training set."""
    name = model_key(workspace, recipe, seed=seed)
    _check(workspace, recipe, seed=seed, name=name)
    made = training_set(workspace, recipe, seed=seed)
    trainer = _trainer(recipe.variant)
    job = _job(workspace, recipe, made, seed=seed, name=name)
    planned: Plan = trainer.module.plan(job, options=trainer.options)
    kept = workspace.store.path(KIND, name)
    logs = [path.name for path in planned.files if path.name in _LOGS]
    stored_files = [kept / name for name in (_MODEL, _OUTCOME, manifests.NAME, *logs)]
    return planned._replace(
        files=(*sorted(made.train.parent.iterdir()), job.work_dir / OWNER, *planned.files, *stored_files)
    )


def _trainer(variant: Variant) -> Plugin:
    return plugins.use("trainers", variant.trainer, variant.training.options, where=f"variant {variant.name}")


def _check(workspace: Workspace, recipe: Recipe, *, seed: int, name: str) -> None:
    """Refuse a recipe that can't be trained, before hours of mining."""
    from tcmbench.trainers import TrainingJob, requirements

    trainer = _trainer(recipe.variant)
    work = workspace.store.path("work", name)
    job = TrainingJob(
        variant=recipe.variant, base=recipe.base, requirements=requirements(recipe.variant),
        base_dir=recipe.base_dir, seed=seed, work_dir=work, train_file=work / "train.jsonl", rows=0,
    )  # fmt: skip
    trainer.module.check(job, options=trainer.options)


def _job(workspace: Workspace, recipe: Recipe, made: TrainSet, *, seed: int, name: str) -> TrainingJob:
    from tcmbench.trainers import TrainingJob, requirements
    from tcmbench.trainsets.rows import read_rows

    return TrainingJob(
        variant=recipe.variant,
        base=recipe.base,
        requirements=requirements(recipe.variant),
        base_dir=recipe.base_dir,
        train_file=made.train,
        rows=made.statistics.lines,
        seed=seed,
        work_dir=workspace.store.path("work", name),
        dev_file=made.dev if recipe.variant.training.dev_evaluations else None,
        labels=[row.labels for row in read_rows(made.rows)],
        general=None if recipe.general is None else _general(workspace, recipe, recipe.general),
    )


def _general(workspace: Workspace, recipe: Recipe, texts: GeneralTexts) -> General:
    from tcmbench.trainers import General

    training = recipe.variant.training
    vectors = general_texts.vectors(workspace, texts, recipe.base, recipe.base_dir, training=training)
    return General(texts.path, vectors)


def _statistics(recipe: Recipe, made: TrainSet, outcome: Outcome) -> dict[str, Json]:
    """Return the statistics of the training set, corrected for batches that the trainer drew itself."""
    statistics: dict[str, Json] = made.statistics.model_dump(mode="json")
    if recipe.variant.batch_rule == "no_duplicates":
        statistics |= {"batch_rule": "no_duplicates", "dropped": [outcome.rows.left_out]}
        statistics |= {"repeated": outcome.rows.repeated}
    return statistics


def _facts(outcome: Outcome) -> dict[str, Json]:
    """Return the outcome of a training as JSON, with null for numbers that aren't finite."""
    facts = {name: value for name, value in asdict(outcome).items() if name not in _APART}
    curves = [point._asdict() for point in outcome.curves]
    text = json.dumps({**facts, "curves": curves})
    as_json: dict[str, Json] = json.loads(text, parse_constant=lambda _: None)  # noqa: TID251 - written just here
    return as_json
