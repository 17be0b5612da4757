"""A space of recipes: the ranges that a search chooses from, its budget, and how its winner is confirmed."""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from tcmbench.errors import SpecError
from tcmbench.specs import policy
from tcmbench.specs.cure import Cure
from tcmbench.specs.names import Prose
from tcmbench.specs.toml import Spec, parse
from tcmbench.specs.variant import Variant

Chosen = int | float | str
"""Value of a parameter in a trial: a number of a range, or the label of a choice."""

MOST_TRIALS = 2_000
_MOST_PARAMETERS = 50
_MOST_CHOICES = 1_000
_LONGEST_PATH = 200
_CURE, _THEN = "cure", "then"
_NAMES = re.compile(r"name|seeds|cure(\.then)*\.(name|of)")
"""Fields that a search sets itself."""


class _SpacePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    when: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Earlier parameter with choices → labels under which this parameter applies; empty: always. Where it doesn't
    apply, the field has the value of the fixed part."""


class Range(_SpacePart):
    """All numbers between two, both included: whole ones where both are."""

    low: int | float
    high: int | float

    log: bool = False
    """Whether the logarithm is searched evenly, as for learning rates."""

    step: int | float | None = Field(default=None, gt=0)
    """Distance between values; None: 1 for whole numbers, any number otherwise."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"expected low < high, got {self.low} and {self.high}. For a single value use [variant]")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log = true needs low > 0 and no step")
        if self.is_whole and isinstance(self.step, float):
            raise ValueError(f"expected a whole step between whole numbers, got {self.step}")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)


class Choices(_SpacePart):
    """Some values, of which one is chosen."""

    choices: dict[str, Any] = Field(max_length=_MOST_CHOICES)
    """Label → value; a list of plain values has these as labels."""

    @field_validator("choices", mode="before")
    @classmethod
    def _have_labels(cls, given: object) -> object:
        if not isinstance(given, list):
            return given
        if any(isinstance(value, dict | list) for value in given):
            raise ValueError("expected plain values in a list; for tables write choices = { label = { … } }")
        labels = [str(value).lower() if isinstance(value, bool) else str(value) for value in given]
        if len(set(labels)) != len(labels):
            raise ValueError(f"values must differ from one another, got {', '.join(labels)}")
        return dict(zip(labels, given, strict=True))

    @model_validator(mode="after")
    def _are_several(self) -> Choices:
        if len(self.choices) < 2:
            raise ValueError("expected two choices or more. A single value belongs into [variant]")
        return self


def _kind(given: object) -> str:
    """Return what a table defines, so that the message about an invalid one is about that alone."""
    return "choices" if isinstance(given, Choices) or (isinstance(given, dict) and "choices" in given) else "range"


Parameter = Annotated[Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)]
"""A range or choices."""


class Probe(BaseModel):
    """What is measured first of every trial, and when it is stopped after that."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    columns: tuple[str, ...] = ()
    """General columns that are measured first; empty: all general ones."""

    beyond: float | None = Field(default=None, ge=0)
    """A trial is stopped where the whole interval of the probe's mean change lies below minus this, in points. None:
    the policy's margin where the probe has all general columns, three times that otherwise."""


class Proposal(NamedTuple):
    """The recipe of one trial."""

    variant: Variant
    """What is trained."""

    cures: tuple[Cure, ...]
    """What is made of it, each of the one before: the last is measured. Empty: the tuned model itself is measured."""

    parameters: dict[str, Chosen]
    """Parameters that apply → their values."""

    @property
    def row(self) -> str:
        """Name of the row whose models are measured."""
        return self.cures[-1].name if self.cures else self.variant.name


class SearchSpace(Spec):
    """One file of `models/spaces/`."""

    title: Prose = ""
    """Headline of the board."""

    title_zh: Prose = ""
    """The same in Chinese; empty shows the English."""

    description: Prose = ""
    """A paragraph for the board."""

    description_zh: Prose = ""
    """The same in Chinese; empty shows the English."""

    suite: str
    """Name of the suite."""

    reference: str
    """Base that gain and forgetting are measured against."""

    policy: str | dict[str, Any] = Field(default_factory=dict)
    """Rules of the gate, as in a set."""

    variant: dict[str, Any]
    """Fields that all trials share."""

    cure: dict[str, Any] = Field(default_factory=dict)
    """Fields of a cure that is made of every tuned model and measured in its place; empty for none. `then` in it has
    the fields of another one, made of the cured model and measured in place of that, and so on."""

    parameters: dict[Annotated[str, Field(max_length=_LONGEST_PATH)], Parameter] = Field(
        min_length=1, max_length=_MOST_PARAMETERS
    )
    """Field of a variant, with dots for tables (`training.learning_rate`), or of a cure (`cure.options.alpha`) → its
    values. A value replaces that of the fixed part; later parameters overwrite parts of earlier ones."""

    trials: int = Field(default=40, ge=1, le=MOST_TRIALS)
    """Recipes to try, those that fail or are stopped included."""

    hours: float | None = Field(default=None, gt=0)
    """No trial is started after this time of one run of the command."""

    seeds: int = Field(default=0, ge=0, le=100)
    """New trainings of the winner for its confirmation; 0 confirms the model that was selected."""

    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of the choice of recipes."""

    probe: Probe = Probe()
    """What is measured first."""

    @field_validator("parameters", mode="before")
    @classmethod
    def _parameters_are_tables(cls, given: object) -> object:
        if isinstance(given, dict):
            nested = [
                name
                for name, value in given.items()
                if isinstance(value, dict) and not {"low", "high", "choices"} & {*value}
            ]
            if nested:
                raise ValueError(
                    f"{nested[0]}: expected low and high, or choices. A name with dots needs quotes: "
                    f'"{nested[0]}.field" = {{ low = 1, high = 2 }}'
                )
        return given

    @model_validator(mode="after")
    def _name_is_a_name(self) -> SearchSpace:
        if not re.fullmatch(r"\w[\w.+-]*", self.name):
            raise ValueError(f"name {self.name!r}: expected letters, digits, and . _ + - between them")
        return self

    @model_validator(mode="after")
    def _conditions_hold_earlier(self) -> SearchSpace:
        earlier: dict[str, Choices] = {}
        for name, parameter in self.parameters.items():
            for other, labels in parameter.when.items():
                if other not in earlier:
                    raise ValueError(f"{name}: when names {other!r}, which is no earlier parameter with choices")
                unknown = [label for label in labels if label not in earlier[other].choices]
                if unknown:
                    known = ", ".join(earlier[other].choices)
                    raise ValueError(f"{name}: when: {other} has no choice {unknown[0]!r}; it has {known}")
            if isinstance(parameter, Choices):
                earlier[name] = parameter
        return self

    @model_validator(mode="after")
    def _fixed_fields_are_not_chosen(self) -> SearchSpace:
        taken = [path for path in self.parameters if _NAMES.fullmatch(path)]
        taken += [name for stage in _stages(self.cure) for name in ("name", "of") if name in stage]
        taken += ["name"] if "name" in self.variant else []
        if taken:
            raise ValueError(f"{taken[0]!r} is no field of a space: trials have numbers for names, and seeds are fixed")
        return self

    @model_validator(mode="after")
    def _parameters_have_an_effect(self) -> SearchSpace:
        names = list(self.parameters)
        for place, name in enumerate(names):
            later = next((other for other in names[place + 1 :] if name.startswith(f"{other}.")), None)
            if later is not None and not self.parameters[later].when:
                raise ValueError(f"{name}: {later} comes later and replaces it in every recipe. Move it after {later}")
        return self

    @model_validator(mode="after")
    def _policy_is_known(self) -> SearchSpace:
        policy.require_valid(self.policy, source=self.name, elsewhere="Copy the file into it")
        return self

    @model_validator(mode="after")
    def _recipes_are_valid(self) -> SearchSpace:
        for chosen in self.corners():
            try:
                variant, cures, _ = self.proposal(chosen, name="trial")
            except SpecError as error:
                raise ValueError(str(error)) from error
            if self.seeds not in {0, len(variant.seeds)} and any(cure.seeds == "together" for cure in cures):
                raise ValueError(
                    f'a cure with seeds = "together" is one model of {len(variant.seeds)} trainings. Confirmed with '
                    f"another number it would be another recipe: set seeds = {len(variant.seeds)}, or 0"
                )
            if variant.untreated:
                raise ValueError(
                    f"untreated = {variant.untreated!r} names a variant of a set, and each recipe of a space is alone "
                    "beside its reference. Leave it out"
                )
            if variant.select == "gate":
                raise ValueError(
                    'select = "gate" chooses a checkpoint on items of both halves, so none would be left to confirm '
                    'it. Leave it out, and search training.epochs or "training.keep.margin_loss" instead'
                )
        return self

    def applies(self, name: str, chosen: dict[str, Chosen]) -> bool:
        """Return whether a parameter applies, given the values of the earlier ones."""
        return all(str(chosen.get(other)) in labels for other, labels in self.parameters[name].when.items())

    def proposal(self, chosen: dict[str, Chosen], *, name: str) -> Proposal:
        """Return the recipe with some values of the parameters.

        Args:
            chosen: Value of every parameter that applies.
            name: Name of the row that is measured.

        Raises:
            SpecError: The variant or the cure is not valid.
        """
        fields: dict[str, Any] = {**self.variant, _CURE: self.cure}
        for path, parameter in self.parameters.items():
            if path in chosen:
                value = chosen[path]
                if isinstance(parameter, Choices):
                    value = parameter.choices[str(value)]
                fields = _with(fields, path.split("."), value)
        where = f"space {self.name}: {', '.join(f'{path} = {value}' for path, value in chosen.items())}"
        try:
            stages = _stages(fields.pop(_CURE))
        except (TypeError, ValueError) as error:
            raise SpecError(f"{where}: {error}") from error
        names = stage_names(name, len(stages))
        variant = parse(Variant, {**fields, "name": names[0]}, where=where)
        cures = (
            parse(Cure, {**made, "name": own, "of": [treated]}, where=where)
            for made, treated, own in zip(stages, names, names[1:], strict=False)
        )
        return Proposal(variant, tuple(cures), dict(chosen))

    def corners(self) -> list[dict[str, Chosen]]:
        """Return values that show every choice and both ends of every range: first all first ones, then one other.

        Where a parameter applies only under some labels of others, these have such a label.
        """
        corners = [self._first({})]
        for name, parameter in self.parameters.items():
            values = [*parameter.choices] if isinstance(parameter, Choices) else [parameter.low, parameter.high]
            corners += [self._first({**self._condition(name), name: value}) for value in values]
        return corners

    def _condition(self, name: str) -> dict[str, Chosen]:
        """Return values of earlier parameters under which one applies."""
        own = self.parameters[name].when
        deeper = [self._condition(other) for other in own]
        return {key: label for fixed in deeper for key, label in fixed.items()} | {
            other: labels[0] for other, labels in own.items()
        }

    def _first(self, fixed: dict[str, Chosen]) -> dict[str, Chosen]:
        chosen: dict[str, Chosen] = {}
        for name, parameter in self.parameters.items():
            if self.applies(name, chosen):
                first = next(iter(parameter.choices)) if isinstance(parameter, Choices) else parameter.low
                chosen[name] = fixed.get(name, first)
        return chosen


def stage_names(name: str, cures: int) -> list[str]:
    """Return the names of a tuned model and of each cure made in turn; the last, which is measured, has the name."""
    before = [f"{name}-tuned", f"{name}-cured", *(f"{name}-cured-{count}" for count in range(2, cures))]
    return [*before[:cures], name]


def _stages(made: Any) -> list[dict[str, Any]]:
    """Return the fields of each cure, without `then`.

    Raises:
        TypeError: A cure isn't a table.
        ValueError: The cure before one is absent.
    """
    stages: list[dict[str, Any]] = []
    while made:
        if not isinstance(made, dict):
            raise TypeError(f"cure: expected a table of fields, got {made!r}")
        stages.append({name: value for name, value in made.items() if name != _THEN})
        made = made.get(_THEN)
        if made and not stages[-1]:
            raise ValueError("cure.then: expected a cure before it, got none. Move its fields to cure")
    return stages


def _with(fields: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """Return fields with the one at a path replaced; tables on the way are created."""
    first, *rest = path
    inner = fields.get(first)
    if rest:
        value = _with(inner if isinstance(inner, dict) else {}, rest, value)
    return {**fields, first: value}
