"""A cure with all inputs of its models resolved: recipes or other cures, base, data, how the outcome is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import models, plugins
from tcmbench.errors import SpecError
from tcmbench.records.reason import Reasons
from tcmbench.tuning.recipe import Recipe, recipe_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.plugins import Plugin
    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.base import Base
    from tcmbench.specs.cure import Cure
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.workspace import Workspace


class Input(NamedTuple):
    """One model that a cure is made from."""

    source: Recipe | Treatment
    """How it is made itself: tuned, or by a cure."""

    seed: int
    """Its seed."""

    @property
    def name(self) -> str:
        """Name of the model."""
        return f"{name_of(self.source)}/seed{self.seed}"


@dataclass(frozen=True, slots=True)
class Treatment:
    """A cure with everything that its models depend on."""

    cure: Cure
    """The cure."""

    method: Plugin
    """Its plug-in."""

    base: Model
    """The base that all inputs were tuned from."""

    treated: Base
    """How its models are loaded."""

    sources: tuple[Recipe | Treatment, ...]
    """What its inputs are models of, in the order of `of`."""

    seeds: tuple[int, ...]
    """Seeds of its models."""

    @property
    def recipe(self) -> Recipe:
        """The recipe of its first input, whose training data a cure reads."""
        first = self.sources[0]
        return first if isinstance(first, Recipe) else first.recipe

    @property
    def leaks(self) -> Reasons:
        """Overlap of the training records of all inputs with the suite's tasks; equal findings are named once."""
        return Reasons(dict.fromkeys(reason for source in self.sources for reason in source.leaks))

    def inputs(self, seed: int) -> tuple[Input, ...]:
        """Return the inputs of the model of a seed, in the order of `of` and of their seeds."""
        if self.cure.seeds == "together":
            return tuple(Input(source, each) for source in self.sources for each in seeds_of(source))
        return tuple(Input(source, seed) for source in self.sources)


def name_of(source: Recipe | Treatment) -> str:
    """Return the name of a variant or cure."""
    return source.variant.name if isinstance(source, Recipe) else source.cure.name


def seeds_of(source: Recipe | Treatment) -> tuple[int, ...]:
    """Return the seeds of a variant or cure."""
    return source.variant.seeds if isinstance(source, Recipe) else source.seeds


def resolve(
    workspace: Workspace, cure: Cure, model_set: ModelSet, planned: PlannedSuite, *, download: bool = False
) -> Treatment:
    """Return a cure of a set with its inputs looked up; with `download`, a base may be fetched from the hub.

    Raises:
        SpecError: Inputs of different bases or seeds, a variant whose checkpoint is chosen by the gate, or options that
            the cure doesn't have.
        TcmbenchError: A recipe that can't be followed.
    """
    variants = {variant.name: variant for variant in workspace.variants(model_set)}
    cures = {each.name: each for each in workspace.cures(model_set)}

    def source(name: str) -> Recipe | Treatment:
        if name in variants:
            if variants[name].select != "last":
                raise SpecError(
                    f"cure {cure.name}: variant {name} has select = {variants[name].select!r}, and cures are made of "
                    'its last checkpoint, which need not be its model. Name a variant with select = "last".'
                )
            return recipe_of(workspace, variants[name], planned, download=download)
        return treatment(cures[name])

    def treatment(cure: Cure) -> Treatment:
        sources = {name: source(name) for name in cure.of}
        origin = _only_base(cure, sources)
        method = plugins.use("cures", cure.cure, cure.options, where=f"cure {cure.name}")
        seeds = _seeds(cure, sources)
        count = sum(len(seeds_of(each)) if cure.seeds == "together" else 1 for each in sources.values())
        loaded = _loaded_as(sources[cure.of[0]])
        changes = method.module.settings(loaded, count=count, options=method.options)
        return Treatment(
            cure=cure,
            method=method,
            base=models.base_model(workspace, origin.name, download=download),
            treated=loaded.model_copy(update=dict(changes)),
            sources=tuple(sources.values()),
            seeds=seeds,
        )

    return treatment(cure)


def _loaded_as(source: Recipe | Treatment) -> Base:
    return source.base if isinstance(source, Recipe) else source.treated


def _only_base(cure: Cure, sources: Mapping[str, Recipe | Treatment]) -> Base:
    """Return the one base of all inputs.

    Raises:
        SpecError: There are several.
    """
    bases = {name: each.base if isinstance(each, Recipe) else each.base.base for name, each in sources.items()}
    if len({base.name for base in bases.values()}) > 1:
        listed = ", ".join(f"{name} of {base.name}" for name, base in bases.items())
        raise SpecError(f"cure {cure.name}: expected models of one base, got {listed}. Name only those of one.")
    return bases[cure.of[0]]


def _seeds(cure: Cure, sources: Mapping[str, Recipe | Treatment]) -> tuple[int, ...]:
    """Return the seeds of a cure's models.

    Raises:
        SpecError: The inputs have different ones, so that there are seeds without a model of each.
    """
    if cure.seeds == "together":
        return (0,)
    each = {name: seeds_of(source) for name, source in sources.items()}
    if len({frozenset(seeds) for seeds in each.values()}) > 1:
        listed = ", ".join(f"{name} has {list(seeds)}" for name, seeds in each.items())
        raise SpecError(
            f'cure {cure.name}: expected models with the same seeds, but {listed}. Set seeds = "together" to make one '
            "model of all, or give them the same seeds."
        )
    return each[cure.of[0]]
