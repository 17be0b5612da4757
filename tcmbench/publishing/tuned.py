"""One tuned model of a set: a seed of a variant or of a cure, its folder in the store, and its scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent, SpecError, UnknownName
from tcmbench.runs import named, row_models
from tcmbench.specs.form import Form
from tcmbench.specs.variant import Variant
from tcmbench.treatment.treatment import made_of

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TunedModel:
    """A tuned model of a set."""

    name: str
    """Variant or cure."""

    model: Model

    folder: Path
    """Its files."""

    seeds: tuple[int, ...]
    """All seeds of the variant or cure."""

    trained_on: tuple[Variant, ...]
    """The variants whose training is in its weights; of a cure those that it is made from."""

    provenance: dict[str, Json]
    """Provenance of the training, or making."""

    @property
    def place(self) -> int:
        """Place of its seed among all."""
        return self.seeds.index(self.model.seed)


def find_set(workspace: Workspace, name: str) -> ModelSet:
    """Return the only set that has a variant or cure.

    Raises:
        UnknownName: None has it, or several have.
    """
    model_set = named.set_of(workspace, name)
    if model_set is None:
        known = {each.name for _, variants in workspace.sets() for each in variants}
        raise UnknownName.of("variant or cure", name, known, where="all sets")
    return model_set


def tuned_model(
    workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, name: str, *, seed: int | None
) -> TunedModel:
    """Return a tuned model, whose files are compared with what was trained.

    Args:
        workspace: Where the store is.
        model_set: Its set.
        planned: The suite of the set.
        name: Variant or cure.
        seed: Its seed; None: the first one, which is chosen without regard to scores.

    Raises:
        UnknownName: The set has no such variant or cure, or it has no such seed.
        SpecError: It is a form, whose files are its model's.
        ModelAbsent: It isn't in the store.
    """
    rows = row_models.rows(workspace, model_set)
    if name not in rows:
        raise UnknownName.of("variant or cure", name, rows, where=f"set {model_set.name}")
    row = rows[name]
    if isinstance(row, Form):
        raise SpecError(
            f"form {name}: expected a variant or cure, whose files give its scores to whoever loads them. A form's are "
            f"those of {row.of}: write that card (tcmbench card {row.of}), and how vectors are stored in its text."
        )
    seeds = row_models.seeds(workspace, model_set, planned, row)
    seed = _seed(name, seeds, seed)
    usable = row_models.usable(workspace, model_set, planned, row, seed=seed)
    if usable is None or usable.model.model_dir is None:
        raise _absent(model_set, name, seed)
    trained_on = leaves(workspace, model_set, name)
    return TunedModel(name, usable.model, usable.model.model_dir, seeds, trained_on, _origin(usable.outcome))


def leaves(workspace: Workspace, model_set: ModelSet, name: str) -> tuple[Variant, ...]:
    """Return the variants that a row is, or is made from through other rows; none for a form of a base."""
    rows, found, waiting = row_models.rows(workspace, model_set), dict[str, Variant](), [name]
    while waiting:
        row = rows.get(waiting.pop(0))
        if isinstance(row, Variant):
            found[row.name] = row
        elif row is not None:
            waiting.extend(made_of(row))
    return tuple(found.values())


def _origin(outcome: dict[str, Json]) -> dict[str, Json]:
    origin = outcome.get("provenance")
    return origin if isinstance(origin, dict) else {}


def _seed(name: str, seeds: tuple[int, ...], seed: int | None) -> int:
    if seed is None:
        return seeds[0]
    if seed not in seeds:
        raise UnknownName.of("seed", str(seed), map(str, seeds), where=name)
    return seed


def _absent(model_set: ModelSet, name: str, seed: int) -> ModelAbsent:
    return ModelAbsent(
        f"{name}/seed{seed}: not in the store, or changed since it was trained. Train it: tcmbench run "
        f"{model_set.name} --models {name}"
    )
