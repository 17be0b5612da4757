"""A model set: the models of one board, and the reference that they are compared with."""

from __future__ import annotations

import itertools
import math
import string
from collections import Counter
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tcmbench.specs import policy
from tcmbench.specs.cure import MOST_CURES, CureTable, RowTable
from tcmbench.specs.form import FormTable
from tcmbench.specs.names import FileName, Prose
from tcmbench.specs.toml import Spec, parse
from tcmbench.specs.variant import Variant

MOST_VARIANTS = 2_000
"""Limit of the number of variants in the matrices of a set."""
_MOST_AXES = 10
_LONGEST_TEMPLATE = 500


class Matrix(BaseModel):
    """Variants defined as a product: every combination of the values."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Annotated[str, Field(max_length=_LONGEST_TEMPLATE)]
    """Template of the names, with `{axis}` for each axis that isn't alone."""

    common: dict[str, Any] = Field(default_factory=dict)
    """Fields shared by all."""

    axes: dict[str, Annotated[dict[FileName, dict[str, Any]], Field(min_length=1)]] = Field(
        min_length=1, max_length=_MOST_AXES
    )
    """axis → label → fields that this label sets; no two axes set the same field."""

    @model_validator(mode="after")
    def _name_is_a_template(self) -> Matrix:
        try:
            parsed = [part[1:] for part in string.Formatter().parse(self.name) if part[1] is not None]
        except ValueError as error:
            raise ValueError(f"name {self.name!r} is not a template ({error}): {self._example()}") from error
        if any(form or conversion for _, form, conversion in parsed):
            raise ValueError(f"name {self.name!r}: no widths or conversions: {self._example()}")
        unknown = [field for field, _, _ in parsed if field not in self.axes]
        if unknown:
            raise ValueError(f"name {self.name!r}: no axis named {unknown[0]!r}: {self._example()}")
        return self

    @model_validator(mode="after")
    def _product_is_small(self) -> Matrix:
        if self.size > MOST_VARIANTS:
            counts = " × ".join(str(len(labels)) for labels in self.axes.values())
            raise ValueError(f"expected at most {MOST_VARIANTS:,} combinations, got {counts} = {self.size:,}")
        return self

    @model_validator(mode="after")
    def _axes_are_independent(self) -> Matrix:
        for (first, one), (second, other) in itertools.combinations(self.axes.items(), 2):
            both = {path for label in one.values() for path in _paths(label)} & {
                path for label in other.values() for path in _paths(label)
            }
            if both:
                raise ValueError(
                    f"axes {first} and {second} both set {'.'.join(min(both))}, so the second would undo the first "
                    "under its name. Let one of them set it."
                )
        return self

    @property
    def size(self) -> int:
        """Number of combinations."""
        return math.prod(len(labels) for labels in self.axes.values())

    def _example(self) -> str:
        return f"expected {{axis}} of {', '.join(self.axes)}, as in {'-'.join(f'{{{axis}}}' for axis in self.axes)!r}"

    def variants(self, *, where: str) -> list[Variant]:
        """Return every combination, in the order written."""
        found = []
        for labels in itertools.product(*(self.axes[axis] for axis in self.axes)):
            chosen = dict(zip(self.axes, labels, strict=True))
            fields = dict(self.common)
            for axis, label in chosen.items():
                fields = _merge(fields, self.axes[axis][label])
            name = self.name.format_map(chosen)
            found.append(parse(Variant, {**fields, "name": name}, where=f"{where}: variant {name}"))
        return found


class ModelSet(Spec):
    """One file of `models/sets/`."""

    title: Prose = ""
    """Headline of the board."""

    title_zh: Prose = ""
    """The same in Chinese; empty shows the English."""

    description: Prose = ""
    """A paragraph for the board."""

    description_zh: Prose = ""
    """The same in Chinese, for the board's Chinese view; empty shows the English."""

    author: Prose = ""
    """Author of the board, as its citation names them: one or more names, joined by "and"."""

    suite: str
    """Name of the suite."""

    reference: str
    """Base that gain and forgetting are measured against; it must be among `models`."""

    models: tuple[str, ...] = Field(min_length=1)
    """Bases that are measured without tuning."""

    variants: tuple[str, ...] = ()
    """Names of variant files."""

    variant: tuple[dict[str, Any], ...] = ()
    """Variants defined inline."""

    matrix: tuple[Matrix, ...] = ()
    """Variants defined as products."""

    cures: tuple[str, ...] = ()
    """Names of cure files."""

    cure: tuple[CureTable, ...] = ()
    """Cures defined inline, one or several per table."""

    form: tuple[FormTable, ...] = ()
    """Forms in which models of the set would be deployed, one or several per table."""

    policy: str | dict[str, Any] = Field(default_factory=dict)
    """Rules of the board and the gate: a table, or the path of a file from the workspace's root (docs/ci.md); empty
    for the default."""

    @model_validator(mode="after")
    def _matrices_are_small(self) -> ModelSet:
        count = sum(matrix.size for matrix in self.matrix)
        if count > MOST_VARIANTS:
            raise ValueError(f"expected at most {MOST_VARIANTS:,} combinations in all matrices, got {count:,}")
        return self

    @model_validator(mode="after")
    def _cures_are_few(self) -> ModelSet:
        tables: dict[str, tuple[RowTable, ...]] = {"cures": self.cure, "forms": self.form}
        for kind, of_kind in tables.items():
            count = sum(table.size for table in of_kind)
            if count > MOST_CURES:
                raise ValueError(f"expected at most {MOST_CURES:,} {kind} in all tables, got {count:,}")
        return self

    @model_validator(mode="after")
    def _models_are_distinct(self) -> ModelSet:
        twice = sorted(name for name, count in Counter(self.models).items() if count > 1)
        if twice:
            raise ValueError(f"models that are listed twice: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _policy_is_known(self) -> ModelSet:
        policy.require_valid(self.policy, source=self.name, elsewhere="For a file elsewhere use --policy")
        return self

    @model_validator(mode="after")
    def _reference_is_measured(self) -> ModelSet:
        if self.reference not in self.models:
            raise ValueError(f"reference {self.reference!r} is not among models: add it there")
        return self


def _paths(fields: dict[str, Any]) -> set[tuple[str, ...]]:
    """Return the path of every field that isn't a table."""
    found: set[tuple[str, ...]] = set()
    for name, value in fields.items():
        found |= {(name, *rest) for rest in _paths(value)} if isinstance(value, dict) else {(name,)}
    return found


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` overlaid with `above`, tables merged."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
