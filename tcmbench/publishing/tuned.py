"""One tuned model of a set: a seed of a variant or of a cure, its folder in the store, and its scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent, UnknownName
from tcmbench.runs import checkpoint_choice
from tcmbench.treatment import treat
from tcmbench.treatment.treatment import resolve
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import recipe_of

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.variant import Variant
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
    having = [
        model_set
        for model_set, variants in workspace.sets()
        if name in {each.name for each in (*variants, *workspace.cures(model_set))}
    ]
    if len(having) == 1:
        return having[0]
    if having:
        listed = ", ".join(one.name for one in having)
        raise UnknownName(f"{name!r} is in the sets {listed}. Choose one: --set {having[0].name}")
    known = {each.name for model_set, variants in workspace.sets() for each in variants}
    raise UnknownName.of("variant or cure", name, known, where="all sets")


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
        ModelAbsent: It isn't in the store.
    """
    variants = {each.name: each for each in workspace.variants(model_set)}
    cures = {each.name: each for each in workspace.cures(model_set)}
    if name in variants:
        variant = variants[name]
        seed = _seed(name, variant.seeds, seed)
        recipe = recipe_of(workspace, variant, planned)
        one = tune.usable(workspace, recipe, seed=seed)
        if one is not None:
            one = checkpoint_choice.chosen(workspace, model_set, recipe, one, planned)
        if one is None or one.model.model_dir is None:
            raise _absent(model_set, name, seed)
        return TunedModel(name, one.model, one.model.model_dir, variant.seeds, (variant,), _origin(one.outcome))
    if name not in cures:
        raise UnknownName.of("variant or cure", name, [*variants, *cures], where=f"set {model_set.name}")
    treatment = resolve(workspace, cures[name], model_set, planned)
    seed = _seed(name, tuple(treatment.seeds), seed)
    cured = treat.usable(workspace, treatment, seed=seed)
    if cured is None or cured.model.model_dir is None:
        raise _absent(model_set, name, seed)
    names = _leaves(name, {each.name: each.of for each in cures.values()})
    trained_on = tuple(variants[each] for each in names)
    return TunedModel(
        name, cured.model, cured.model.model_dir, tuple(treatment.seeds), trained_on, _origin(cured.outcome)
    )


def _origin(outcome: dict[str, Json]) -> dict[str, Json]:
    origin = outcome.get("provenance")
    return origin if isinstance(origin, dict) else {}


def _seed(name: str, seeds: tuple[int, ...], seed: int | None) -> int:
    if seed is None:
        return seeds[0]
    if seed not in seeds:
        raise UnknownName.of("seed", str(seed), map(str, seeds), where=name)
    return seed


def _leaves(name: str, made_from: dict[str, tuple[str, ...]]) -> list[str]:
    """Return the variants that a cure is made from, through other cures too."""
    if name not in made_from:
        return [name]
    return list(dict.fromkeys(leaf for each in made_from[name] for leaf in _leaves(each, made_from)))


def _absent(model_set: ModelSet, name: str, seed: int) -> ModelAbsent:
    return ModelAbsent(
        f"{name}/seed{seed}: not in the store, or changed since it was trained. Train it: tcmbench run "
        f"{model_set.name} --models {name}"
    )
