"""A model as users name it, to be loaded: any model of `models.given`, or a variant, cure or form of a set."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench import models, tasks
from tcmbench.errors import StoreError, UnknownName
from tcmbench.models import given
from tcmbench.models.given import in_set
from tcmbench.runs import row_models
from tcmbench.specs.base import Base
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.variant import Variant
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import recipe_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.model import Model
    from tcmbench.workspace import Workspace

_SEED = "/seed"


class NamedModel(NamedTuple):
    """A model with what it belongs to."""

    workspace: Workspace
    """Workspace with the model."""

    model: Model
    """The model, whose files are as they were written."""

    row: str = ""
    """Name of its variant, cure or form; empty for a base."""

    set_name: str = ""
    """The set that the row is of; empty for a base, and for a variant with a file that no set lists."""


def find(workspace: Workspace, name: str, *, set_name: str = "", base: str = "") -> NamedModel:
    """Return the model of a name; one of the hub may be downloaded, one of a recipe has to be in the store.

    Args:
        workspace: Where bases, variants, sets and the store are.
        name: A base, a folder, an adapter, a model of the hub; `variant/seed0`, or a row of a set with one seed.
        set_name: Set of the row; empty takes the only one that has it.
        base: Base of an adapter or checkpoint that doesn't name one.

    Raises:
        UnknownName: No such model, or several sets have the row.
        StoreError: It was not trained yet, or its files have changed.
        TcmbenchError: It can't be resolved.
    """
    row, _, seed = name.rpartition(_SEED) if _SEED in name else (name, "", "")
    if set_name or not _is_other(workspace, name):
        model_set = set_of(workspace, row, set_name=set_name)
        if model_set is not None:
            return _of_set(workspace, model_set, row, seed)
        if row in workspace.names(Variant):
            return _of_no_set(workspace, row, seed)
    workspace, called = given.register(workspace, [name], tuned_from=base or None)
    return NamedModel(workspace, models.base_model(workspace, called[name], download=True))


def _is_other(workspace: Workspace, name: str) -> bool:
    """Return whether a name is that of a base, or a URL, which need no look into the sets."""
    return name in workspace.names(Base) or "://" in name


def set_of(workspace: Workspace, row: str, *, set_name: str = "") -> ModelSet | None:
    """Return the set that has a variant, cure or form; None where none has it, or it is a base of the named set.

    Args:
        workspace: Where sets are.
        row: Name of the variant, cure or form.
        set_name: The set; empty takes the only one that has it.

    Raises:
        UnknownName: The named set doesn't have it, nor such a base, or several sets have it.
    """
    if set_name:
        chosen = workspace.spec(ModelSet, set_name)
        rows = row_models.rows(workspace, chosen)
        if row in rows:
            return chosen
        if row in chosen.models:
            return None
        raise UnknownName.of("model", row, [*chosen.models, *rows], where=f"set {set_name}")
    having = [one for one, _ in workspace.sets() if row in row_models.rows(workspace, one)]
    if len(having) > 1:
        listed = ", ".join(one.name for one in having)
        raise UnknownName(f"{row!r} is in the sets {listed}. Choose one: --set {having[0].name}")
    return having[0] if having else None


def _of_set(workspace: Workspace, model_set: ModelSet, name: str, seed: str) -> NamedModel:
    workspace, model_set = in_set(workspace, model_set)
    row, planned = row_models.rows(workspace, model_set)[name], tasks.plan_set(workspace, model_set)
    known = row_models.seeds(workspace, model_set, planned, row)
    usable = row_models.usable(workspace, model_set, planned, row, seed=_seed(name, known, seed))
    if usable is None:
        is_trained_alone = not isinstance(row, Variant) or row.select == "last"
        how = f"train {name} --set {model_set.name}" if is_trained_alone else f"run {model_set.name} --models {name}"
        raise _untrained(name, f"tcmbench {how}")
    return NamedModel(workspace, usable.model, name, model_set.name)


def _of_no_set(workspace: Workspace, name: str, seed: str) -> NamedModel:
    variant = workspace.spec(Variant, name)
    tuned = tune.usable(workspace, recipe_of(workspace, variant, None), seed=_seed(name, variant.seeds, seed))
    if tuned is None:
        raise _untrained(name, f"tcmbench train {name}")
    return NamedModel(workspace, tuned.model, name)


def _seed(name: str, seeds: Sequence[int], written: str) -> int:
    """Return the seed that a name has, or the only one.

    Raises:
        UnknownName: There is no such seed, or several and none is named.
    """
    known = {str(seed): seed for seed in seeds}
    if written in known:
        return known[written]
    labels = [f"{name}{_SEED}{seed}" for seed in seeds]
    if written:
        raise UnknownName.of("seed", f"{name}{_SEED}{written}", labels)
    if len(seeds) > 1:
        raise UnknownName(f"{name} has one model per seed. Choose one: {', '.join(labels)}")
    return seeds[0]


def _untrained(name: str, command: str) -> StoreError:
    return StoreError(f"{name}: the store doesn't hold its model as it was trained. Run: {command}")
