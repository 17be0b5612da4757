"""Kept checkpoints of a training, and the record of those that were measured."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from tcmbench import manifests
from tcmbench.errors import StoreError
from tcmbench.models import tuned_model
from tcmbench.store import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tcmbench.records.model import Model
    from tcmbench.store import Store
    from tcmbench.tuning.recipe import Recipe

CHECKPOINTS, KIND = "checkpoints", "trajectories"
_FILE = "trajectory.json"


class Checkpoint(NamedTuple):
    """A model in the course of a training."""

    step: int
    """Optimiser steps that it was trained for."""

    model: Model
    """The model."""


class MeasuredStep(BaseModel):
    """A measured checkpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    """Optimiser steps that it was trained for."""

    revision: str
    """Revision of its model, by which its scores are found."""


class TrajectoryRecord(BaseModel):
    """The record of a measured trajectory: its scores are in the store, and need no weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: str
    seed: int
    points: tuple[MeasuredStep, ...]
    """By step; the last is the tuned model."""


def store_checkpoints(store: Store, name: str, folders: Mapping[int, Path]) -> None:
    """Move the models of a training's checkpoints into the store, under the key of the tuned model.

    What was kept and measured of an earlier training is replaced: its models may differ.
    """
    shutil.rmtree(store.path(KIND, name), ignore_errors=True)
    if not folders:
        return
    with store.build(CHECKPOINTS, name, replaces=True) as part:
        for step, folder in folders.items():
            shutil.move(folder, part / f"step-{step}")


def checkpoints(store: Store, recipe: Recipe, name: str, *, seed: int) -> list[Checkpoint]:
    """Return the checkpoints of a tuned model in the store, by step; empty where they were not kept, or removed.

    Raises:
        DamagedArtefact: A file is not as it was written.
    """
    folder = store.open(CHECKPOINTS, name)
    if folder is None:
        return []
    files = manifests.read(folder, kind=CHECKPOINTS, key=name)
    found = []
    for path in folder.glob("step-*/"):
        own = {
            file.removeprefix(f"{path.name}/"): sha for file, sha in files.items() if file.startswith(f"{path.name}/")
        }
        # Named as the tuned model: its scores belong to it in the store.
        model = tuned_model(recipe.base, name=f"{recipe.variant.name}/seed{seed}", model_dir=path, seed=seed, files=own)
        found.append(Checkpoint(int(path.name.removeprefix("step-")), model))
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def record(store: Store, name: str, recipe: Recipe, points: Sequence[Checkpoint], *, seed: int) -> None:
    """Store which checkpoints were measured, and remove their weights unless one of them is to be chosen."""
    trajectory = TrajectoryRecord(
        variant=recipe.variant.name,
        seed=seed,
        points=tuple(MeasuredStep(step=point.step, revision=point.model.revision) for point in points),
    )
    with store.build(KIND, name, replaces=True) as part:
        write_json(part / _FILE, trajectory.model_dump(mode="json"))
    if recipe.variant.select == "last":
        shutil.rmtree(store.path(CHECKPOINTS, name), ignore_errors=True)


def recorded(store: Store, name: str) -> TrajectoryRecord | None:
    """Return the record of a trajectory; None where it was not measured.

    Raises:
        DamagedArtefact: The record is not as it was written.
        StoreError: It is not a record.
    """
    folder = store.open(KIND, name)
    if folder is None:
        return None
    try:
        return TrajectoryRecord.model_validate(read_json(folder / _FILE))
    except ValidationError as error:
        raise StoreError(f"{folder / _FILE}: not what tcmbench wrote: {error}. Delete it and run again.") from error
