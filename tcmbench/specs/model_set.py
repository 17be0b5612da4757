"""A model set: what stands on one board, and against which base it is measured."""

from __future__ import annotations

import itertools
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tcmbench.specs.toml import Spec, parse
from tcmbench.specs.variant import Variant


class Matrix(BaseModel):
    """Variants spelled as a product: every combination of the values given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Template of the names, with `{axis}` for each axis."""

    common: dict[str, Any] = Field(default_factory=dict)
    """Fields that all share."""

    axes: dict[str, dict[str, dict[str, Any]]] = Field(min_length=1)
    """axis → label → fields that this label sets."""

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

    title: str = ""
    """Headline of the board."""

    description: str = ""
    """A paragraph for the board."""

    suite: str
    """Name of the suite."""

    reference: str
    """Base that gain and forgetting are measured against; it must be among `models`."""

    models: tuple[str, ...] = Field(min_length=1)
    """Bases that are measured as they are."""

    variants: tuple[str, ...] = ()
    """Names of variant files."""

    variant: tuple[dict[str, Any], ...] = ()
    """Variants spelled here."""

    matrix: tuple[Matrix, ...] = ()
    """Variants spelled as products."""

    @model_validator(mode="after")
    def _reference_is_measured(self) -> ModelSet:
        if self.reference not in self.models:
            raise ValueError(f"reference {self.reference!r} is not among models: add it there")
        return self


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` overlaid with `above`, tables merged."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
