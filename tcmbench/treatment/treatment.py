"""A cure or form with all inputs of its models resolved: recipes, bases or others like it, data, how it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench import models, plugins
from tcmbench.errors import SpecError
from tcmbench.records.model import Model
from tcmbench.records.reason import Reasons
from tcmbench.specs.form import Form
from tcmbench.tuning.recipe import Recipe, recipe_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.plugins import Plugin
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.base import Base
    from tcmbench.specs.cure import Cure
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.workspace import Workspace


class Input(NamedTuple):
    """One model that a cure or form is made from."""

    source: Recipe | Treatment | Model
    """How it is made itself: tuned, or by a cure or as a form; a base is a model, which isn't made here."""

    seed: int
    """Its seed."""

    @property
    def name(self) -> str:
        """Name of the model."""
        if isinstance(self.source, Model):
            return self.source.name
        return f"{name_of(self.source)}/seed{self.seed}"


@dataclass(frozen=True, slots=True)
class Treatment:
    """A cure or form with everything that its models depend on."""

    spec: Cure | Form
    """The cure or form."""

    method: Plugin
    """Its plug-in."""

    base: Model
    """The base that all inputs were tuned from, or that it is a form of."""

    treated: Base
    """How its models are loaded."""

    sources: tuple[Recipe | Treatment | Model, ...]
    """What its inputs are models of, in the order of `of`."""

    seeds: tuple[int, ...]
    """Seeds of its models."""

    @property
    def recipe(self) -> Recipe | None:
        """The recipe of its first input, whose training data a cure reads; None for a form of a base."""
        first = self.sources[0]
        if isinstance(first, Model):
            return None
        return first if isinstance(first, Recipe) else first.recipe

    @property
    def leaks(self) -> Reasons:
        """Overlap of the training records of all inputs with the suite's tasks; equal findings are named once."""
        trained = (source for source in self.sources if not isinstance(source, Model))
        return Reasons(dict.fromkeys(reason for source in trained for reason in source.leaks))

    def inputs(self, seed: int) -> tuple[Input, ...]:
        """Return the inputs of the model of a seed, in the order of `of` and of their seeds."""
        if self.spec.seeds == "together":
            return tuple(Input(source, each) for source in self.sources for each in seeds_of(source))
        return tuple(Input(source, seed) for source in self.sources)


def name_of(source: Recipe | Treatment | Model) -> str:
    """Return the name of a variant, cure, form or base."""
    if isinstance(source, Model):
        return source.name
    return source.variant.name if isinstance(source, Recipe) else source.spec.name


def seeds_of(source: Recipe | Treatment | Model) -> tuple[int, ...]:
    """Return the seeds of a variant, cure or form; a base counts as one model."""
    if isinstance(source, Model):
        return (source.seed,)
    return source.variant.seeds if isinstance(source, Recipe) else source.seeds


def kind_of(spec: Cure | Form) -> Literal["cure", "form"]:
    """Return what a row is, for messages."""
    return "form" if isinstance(spec, Form) else "cure"


def made_of(spec: Cure | Form) -> tuple[str, ...]:
    """Return the names of what a cure or form is made from."""
    return (spec.of,) if isinstance(spec, Form) else spec.of


def resolve(
    workspace: Workspace, spec: Cure | Form, model_set: ModelSet, planned: PlannedSuite, *, download: bool = False
) -> Treatment:
    """Return a cure or form of a set with its inputs looked up; with `download`, a base may be fetched from the hub.

    Raises:
        SpecError: Inputs of different bases or seeds, a variant whose checkpoint is chosen by the gate, a base without
            weights here, or options that the plug-in doesn't have.
        TcmbenchError: A recipe that can't be followed.
    """
    variants = {variant.name: variant for variant in workspace.variants(model_set)}
    treated = {each.name: each for each in workspace.treated(model_set)}
    where = f"{kind_of(spec)} {spec.name}"

    def source(name: str) -> Recipe | Treatment | Model:
        if name in variants:
            if variants[name].select != "last":
                raise SpecError(
                    f"{where}: variant {name} has select = {variants[name].select!r}, and {kind_of(spec)}s are made of "
                    'its last checkpoint, which need not be its model. Name a variant with select = "last".'
                )
            return recipe_of(workspace, variants[name], planned, download=download)
        if name in treated:
            return treatment(treated[name])
        model = models.base_model(workspace, name, where=where, download=download)
        if model.model_dir is None:
            raise SpecError(f"{where}: expected a base whose weights are files, got {name}, which has none here.")
        return model

    def treatment(spec: Cure | Form) -> Treatment:
        sources = {name: source(name) for name in made_of(spec)}
        origin = _only_base(spec, sources)
        kind: plugins.Kind = "forms" if isinstance(spec, Form) else "cures"
        method = plugins.use(kind, spec.method, spec.options, where=f"{kind_of(spec)} {spec.name}")
        seeds = _seeds(spec, sources)
        count = sum(len(seeds_of(each)) if spec.seeds == "together" else 1 for each in sources.values())
        loaded = _loaded_as(sources[made_of(spec)[0]])
        changes = method.module.settings(loaded, count=count, options=method.options)
        return Treatment(
            spec=spec,
            method=method,
            base=models.base_model(workspace, origin.name, download=download),
            treated=loaded.model_copy(update=dict(changes)),
            sources=tuple(sources.values()),
            seeds=seeds,
        )

    return treatment(spec)


def _loaded_as(source: Recipe | Treatment | Model) -> Base:
    return source.treated if isinstance(source, Treatment) else source.base


def _base_of(source: Recipe | Treatment | Model) -> Base:
    return source.base.base if isinstance(source, Treatment) else source.base


def _only_base(spec: Cure | Form, sources: Mapping[str, Recipe | Treatment | Model]) -> Base:
    """Return the one base of all inputs.

    Raises:
        SpecError: There are several.
    """
    bases = {name: _base_of(each) for name, each in sources.items()}
    if len({base.name for base in bases.values()}) > 1:
        listed = ", ".join(f"{name} of {base.name}" for name, base in bases.items())
        raise SpecError(f"cure {spec.name}: expected models of one base, got {listed}. Name only those of one.")
    return bases[made_of(spec)[0]]


def _seeds(spec: Cure | Form, sources: Mapping[str, Recipe | Treatment | Model]) -> tuple[int, ...]:
    """Return the seeds of the models of a cure or form.

    Raises:
        SpecError: The inputs have different ones, so that there are seeds without a model of each.
    """
    if spec.seeds == "together":
        return (0,)
    each = {name: seeds_of(source) for name, source in sources.items()}
    if len({frozenset(seeds) for seeds in each.values()}) > 1:
        listed = ", ".join(f"{name} has {list(seeds)}" for name, seeds in each.items())
        raise SpecError(
            f'cure {spec.name}: expected models with the same seeds, but {listed}. Set seeds = "together" to make one '
            "model of all, or give them the same seeds."
        )
    return each[made_of(spec)[0]]
