"""Making of one model of a cure or form: stored under the hash of all its inputs, with how it came about."""

from __future__ import annotations

import functools
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench import manifests
from tcmbench.cures import CureWork
from tcmbench.encoders.runtime.batches import release
from tcmbench.errors import DamagedArtefact, ModelAbsent, StorageError, StoreError, TcmbenchError
from tcmbench.models import tuned_model
from tcmbench.models.revisions import weights_hash
from tcmbench.records import failures
from tcmbench.records.events import TrainingStep
from tcmbench.records.model import Model
from tcmbench.records.provenance import provenance
from tcmbench.records.reason import Reason
from tcmbench.specs.base import LABELS
from tcmbench.store import Json, differences, key, read_json, write_json
from tcmbench.treatment.treatment import Input, Treatment, kind_of
from tcmbench.tuning import tune
from tcmbench.tuning.learned_data import learned_data
from tcmbench.tuning.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.records.events import Emit
    from tcmbench.trainers import Step
    from tcmbench.tuning.learned_data import LearnedData
    from tcmbench.workspace import Workspace

logger = logging.getLogger(__name__)

KIND = "cured"

_OUTCOME, _MODEL = "outcome.json", "model"
_STAGE = "cured 1"


@dataclass(frozen=True, slots=True)
class Cured:
    """A model of a cure or form in the store."""

    model: Model
    """The model for evaluation."""

    folder: Path
    """model/ and outcome.json."""

    outcome: dict[str, Json]
    """Inputs with their revisions, seconds, facts of the plug-in, provenance."""


def model_key(workspace: Workspace, treatment: Treatment, *, seed: int) -> str:
    """Return the key of a model: cure or form, inputs, base and weights, seed, and data where it reads any."""
    data = _learned(treatment, seed)
    parts: dict[str, Json] = {
        kind_of(treatment.spec): treatment.method.identity(),
        "inputs": [input_key(workspace, each) for each in treatment.inputs(seed)],
        "base": differences(treatment.base.base, exclude=LABELS),
        "weights": weights_hash(_folder(treatment.base)),
        "seed": seed,
    }
    return key(_STAGE, parts if data is None else {**parts, "data": data.identity()})


def _learned(treatment: Treatment, seed: int) -> LearnedData | None:
    """Return what a cure learns from; None where it reads no data."""
    recipe = treatment.recipe
    return learned_data(recipe, seed=seed) if recipe is not None and treatment.method.module.READS_DATA else None


def input_key(workspace: Workspace, one: Input) -> str:
    """Return the key of an input's model, which is that of the job that makes it; of a base its revision."""
    if isinstance(one.source, Model):
        return one.source.revision
    if isinstance(one.source, Recipe):
        return tune.model_key(workspace, one.source, seed=one.seed)
    return model_key(workspace, one.source, seed=one.seed)


def stored(workspace: Workspace, treatment: Treatment, *, seed: int) -> Cured | None:
    """Return the model of the store, without reading its weights; None when it was never made, or from other inputs.

    Inputs that were trained again may differ in spite of equal keys, where the hardware is not deterministic. The model
    then has to be made again, since its row is compared with theirs.

    Raises:
        DamagedArtefact: The manifest or the outcome is not as it was written.
    """
    store, name = workspace.store, model_key(workspace, treatment, seed=seed)
    folder = store.path(KIND, name)
    if store.open(KIND, name, _OUTCOME) is None:
        return None
    outcome = read_json(folder / _OUTCOME)
    if not isinstance(outcome, dict) or not isinstance(outcome.get("inputs"), dict):
        raise StoreError(f"{folder / _OUTCOME}: expected an object with inputs. Delete it and run again.")
    if not _is_of_present_inputs(workspace, treatment, outcome["inputs"], seed=seed):
        return None
    # Its variants may have had other names when it was made.
    outcome["made_from"] = [one.name for one in treatment.inputs(seed)]
    files = manifests.read(folder, kind=KIND, key=name)
    prefix = f"{_MODEL}/"
    model = tuned_model(
        treatment.treated,
        name=f"{treatment.spec.name}/seed{seed}",
        model_dir=folder / _MODEL,
        seed=seed,
        files={file.removeprefix(prefix): sha256 for file, sha256 in files.items() if file.startswith(prefix)},
    )
    return Cured(model, folder, outcome)


def _is_of_present_inputs(workspace: Workspace, treatment: Treatment, revisions: Json, *, seed: int) -> bool:
    """Return whether the inputs that are in the store are those that the model was made from."""
    made_from = revisions if isinstance(revisions, dict) else {}
    for one in treatment.inputs(seed):
        try:
            model = _stored_input(workspace, one)
            is_stale = model is None and _is_stale(workspace, one)
        except DamagedArtefact:
            continue
        if is_stale or (model is not None and made_from.get(input_key(workspace, one)) != model.revision):
            return False
    return True


def _is_stale(workspace: Workspace, one: Input) -> bool:
    """Return whether an input that `stored` doesn't return was made here, from other inputs than the present."""
    return (
        isinstance(one.source, Treatment)
        and workspace.store.open(KIND, input_key(workspace, one), _OUTCOME) is not None
    )


def _stored_input(workspace: Workspace, one: Input) -> Model | None:
    if isinstance(one.source, Model):
        return one.source
    if isinstance(one.source, Recipe):
        tuned = tune.stored(workspace, one.source, seed=one.seed)
        return None if tuned is None else tuned.model
    cured = stored(workspace, one.source, seed=one.seed)
    return None if cured is None else cured.model


def usable(workspace: Workspace, treatment: Treatment, *, seed: int) -> Cured | None:
    """Return the model whose files are all as they were made, so that it can be loaded.

    None where it has to be made: there is none, or it is damaged, and the log says so.
    """
    try:
        cured = stored(workspace, treatment, seed=seed)
        if cured is not None:
            workspace.store.open(KIND, cured.folder.name, _MODEL)
    except DamagedArtefact as error:
        logger.error("%s: %s. The model has to be made again.", error.path, error.what)
        return None
    return cured


def usable_input(workspace: Workspace, one: Input) -> Model | None:
    """Return an input whose files are all as they were written; None where it has to be trained or made first."""
    if isinstance(one.source, Model):
        return one.source
    if isinstance(one.source, Recipe):
        tuned = tune.usable(workspace, one.source, seed=one.seed)
        return None if tuned is None else tuned.model
    cured = usable(workspace, one.source, seed=one.seed)
    return None if cured is None else cured.model


def failure(workspace: Workspace, treatment: Treatment, *, seed: int) -> tuple[str, Reason] | None:
    """Return the model whose training or making failed last, itself or an input, with the reason; None if none did."""
    for one in (*treatment.inputs(seed), Input(treatment, seed)):
        if isinstance(one.source, Model):
            continue
        if isinstance(one.source, Treatment) and one.source is not treatment:
            deeper = failure(workspace, one.source, seed=one.seed)
            if deeper is not None:
                return deeper
            continue
        last = failures.last(workspace.store, input_key(workspace, one))
        if last is not None:
            return one.name, last.reason or Reason.of("failed")
    return None


def make(workspace: Workspace, treatment: Treatment, *, seed: int, device: str | None = None) -> Cured:
    """Return the model of a cure or form, made unless it is in the store as it was written.

    Args:
        workspace: Where the store is.
        treatment: The cure or form with its inputs, which have to be in the store.
        seed: Seed of the model.
        device: torch device of models that the plug-in loads; None for the default of their library.

    Raises:
        StoreError: An input isn't in the store.
        TcmbenchError: It can't be made of these inputs.
    """
    name, store = model_key(workspace, treatment, seed=seed), workspace.store
    with store.lock(KIND, name):
        found = usable(workspace, treatment, seed=seed)
        if found is not None:
            return found
        try:
            _make(workspace, treatment, seed=seed, name=name, device=device)
        except StorageError:
            raise
        except TcmbenchError as error:
            failures.note(store, name, error)
            raise
        failures.forget(store, name)
    found = stored(workspace, treatment, seed=seed)
    if found is None:
        raise StoreError(f"{store.path(KIND, name)}: the model that was just made is gone. Run again.")
    return found


def make_with_inputs(workspace: Workspace, treatment: Treatment, *, seed: int, emit: Emit) -> Cured:
    """Return the model of a cure or form; what it is made from is trained and made first, where it isn't in the store.

    Raises:
        TcmbenchError: A training failed, or the model can't be made.
    """
    for one in treatment.inputs(seed):
        if isinstance(one.source, Model):
            continue
        if isinstance(one.source, Recipe):
            show = functools.partial(_show_step, emit, one.name)
            tune.tune(workspace, one.source, seed=one.seed, progress=show)
        else:
            make_with_inputs(workspace, one.source, seed=one.seed, emit=emit)
    return make(workspace, treatment, seed=seed)


def _show_step(emit: Emit, model: str, step: Step) -> None:
    emit(TrainingStep(model, *step))


def _make(workspace: Workspace, treatment: Treatment, *, seed: int, name: str, device: str | None) -> None:
    method, label = treatment.method, f"{treatment.spec.name}/seed{seed}"
    inputs = treatment.inputs(seed)
    tuned = tuple(_required(workspace, one, label) for one in inputs)
    work = CureWork(
        name=label,
        base=treatment.base,
        tuned=tuned,
        seed=seed,
        data=_learned(treatment, seed),
        cache=workspace.cache,
        device=device,
    )
    release()
    began = time.monotonic()
    # A model that is in the store as it was written was made from other inputs.
    with workspace.store.build(KIND, name, replaces=True) as part:
        with failures.explained(f"{kind_of(treatment.spec)} {label}", place=part):
            (part / _MODEL).mkdir()
            facts = method.module.make(work, part / _MODEL, options=method.options)
        seconds = time.monotonic() - began
        revisions = {input_key(workspace, one): model.revision for one, model in zip(inputs, tuned, strict=True)}
        write_json(
            part / _OUTCOME,
            {
                "model": label,
                "made_from": [one.name for one in inputs],
                "inputs": dict(revisions),
                "seconds": round(seconds, 3),
                "facts": facts,
                "provenance": provenance(workspace.root, seconds=seconds, seed=seed).model_dump(mode="json"),
            },
        )


def _folder(base: Model) -> Path:
    """Return the folder of a base's weights.

    Raises:
        ModelAbsent: It has none.
    """
    if base.model_dir is None:
        raise ModelAbsent(f"base {base.name} has no folder of weights")
    return base.model_dir


def _required(workspace: Workspace, one: Input, label: str) -> Model:
    model = usable_input(workspace, one)
    if model is None:
        raise StoreError(
            f"{label}: {workspace.cache} does not hold {one.name}, which it is made from. Run again to train it."
        )
    return model
