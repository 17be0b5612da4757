"""The recipe of a variant in a suite: what is trained on, with the records left out that stand in its tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.models import base_model
from tcmbench.specs.base import Base
from tcmbench.tuning import leaks, training_data

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.variant import Variant
    from tcmbench.tuning.training_data import TrainingData
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Recipe:
    """A variant with everything that its models are made from."""

    variant: Variant
    """What is declared."""

    base: Base
    """What is tuned."""

    base_dir: Path
    """Its weights."""

    data: TrainingData
    """The records that are learned from."""

    drop: frozenset[str]
    """Training records that are left out because they leak."""

    leaks: str
    """What the training records share with the suite's tasks, in one line; empty when nobody looked."""


def resolve(workspace: Workspace, variant: Variant, *, drop: frozenset[str] = frozenset(), leaks: str = "") -> Recipe:
    """Return a variant with its base and data looked up.

    Raises:
        UnknownName: No such base.
        ModelAbsent: The base's weights aren't here.
        SpecError: The base can't be tuned.
        DataError: The data can't be used.
    """
    where = f"variant {variant.name}"
    base = workspace.spec(Base, variant.base, where=where)
    if not base.has_weights:
        raise SpecError(f"variant {variant.name}: base {base.name} has no weights here; nothing can be tuned")
    if base.kind != variant.task:
        raise SpecError(
            f"variant {variant.name}: task is {variant.task!r}, but base {base.name} is of kind {base.kind!r}. "
            f"Set task = {base.kind!r} or name another base."
        )
    model = base_model(workspace, base.name, where=where)
    if model.model_dir is None:
        raise ModelAbsent(f"variant {variant.name}: base {base.name} has no folder of weights")
    return Recipe(variant, model.base, model.model_dir, training_data.find(workspace, variant), drop, leaks)


def recipe_of(workspace: Workspace, variant: Variant, planned: PlannedSuite | None) -> Recipe:
    """Return the recipe of a variant; with a suite, its leaks are looked for, and dropped where it says so.

    Raises:
        SpecError: Leaks are to be dropped, but there is no suite to look for them in.
        TcmbenchError: The recipe can't be followed.
    """
    if planned is None:
        if variant.drop_leaks:
            raise SpecError(
                f"variant {variant.name}: drop_leaks leaves out the records that stand in the tasks of a suite, and no "
                "suite is given. Add --set SET or --suite SUITE."
            )
        return resolve(workspace, variant)
    report = leaks.find(workspace, training_data.find(workspace, variant), planned)
    drop = report.records if variant.drop_leaks else frozenset()
    summary = report.summary + (f"; {len(drop)} dropped" if variant.drop_leaks else "")
    return resolve(workspace, variant, drop=drop, leaks=summary)
