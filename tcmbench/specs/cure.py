"""A cure: a row of a set whose models are made from tuned models, to undo what they forgot."""

from __future__ import annotations

import itertools
import math
import re
import string
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tcmbench.errors import SpecError
from tcmbench.specs.names import FileName, Prose
from tcmbench.specs.toml import Spec, parse

SpecT = TypeVar("SpecT", bound=Spec)

MOST_CURES = 2_000
"""Limit of the number of cures in a set, and of its forms."""

_OF = "of"
_TEMPLATES = ("name", "description", "description_zh")


class Cure(Spec):
    """One file of `models/cures/`, or a row of a `[[cure]]` table of a set."""

    of: tuple[FileName, ...] = Field(min_length=1, max_length=100)
    """Variants, or cures that the set lists earlier, whose models it is made from; all of one base."""

    cure: str
    """Plug-in of `tcmbench/cures`."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the plug-in."""

    seeds: Literal["each", "together"] = "each"
    """each: one model per seed, made from the models of that seed; together: one model made from those of all seeds."""

    description: Prose = ""
    """One sentence for the board."""

    description_zh: Prose = ""
    """The same in Chinese, for the board's Chinese view; empty shows the English."""

    @field_validator(_OF, mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _models_are_distinct(self) -> Cure:
        if len(set(self.of)) != len(self.of):
            raise ValueError(f"of: expected distinct names, got {', '.join(self.of)}")
        return self

    @model_validator(mode="after")
    def _name_is_a_name(self) -> Cure:
        require_name(self.name)
        return self

    @property
    def method(self) -> str:
        """Name of its plug-in."""
        return self.cure


class RowTable(BaseModel):
    """A table of a set: one row, or one per combination of the values in `each`."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    each: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict, max_length=10)
    """Name → values: `of`, or an option of the plug-in. `{name}` in name and descriptions stands for the value."""

    @model_validator(mode="after")
    def _product_is_small(self) -> Self:
        if self.size > MOST_CURES:
            raise ValueError(f"each: expected at most {MOST_CURES:,} combinations, got {self.size:,}")
        return self

    @property
    def size(self) -> int:
        """Number of rows."""
        return math.prod(len(values) for values in self.each.values())

    def rows(self, schema: type[SpecT], *, where: str) -> list[SpecT]:
        """Return every combination, in the order written.

        Args:
            schema: What a row is.
            where: The set, for messages.

        Raises:
            SpecError: An invalid row, or a name that isn't a template over `each`.
        """
        fields = dict(self.model_extra or {})
        found = []
        for values in itertools.product(*self.each.values()):
            chosen = dict(zip(self.each, values, strict=True))
            row = {**fields, **_filled(fields, {name: _label(value) for name, value in chosen.items()}, where=where)}
            row |= {name: value for name, value in chosen.items() if name == _OF}
            options = {name: value for name, value in chosen.items() if name != _OF}
            if options:
                row["options"] = {**_options(fields), **options}
            found.append(parse(schema, row, where=f"{where}: {schema.__name__.lower()} {row.get('name', '?')}"))
        return found


class CureTable(RowTable):
    """A `[[cure]]` table of a set: one cure, or one per combination of the values in `each`."""

    def cures(self, *, where: str) -> list[Cure]:
        """Return every combination, in the order written.

        Raises:
            SpecError: An invalid cure, or a name that isn't a template over `each`.
        """
        return self.rows(Cure, where=where)


def require_name(name: str) -> None:
    """Refuse a name that can't be that of a folder and a row.

    Raises:
        ValueError: As a validator of pydantic expects.
    """
    if not re.fullmatch(r"\w[\w.+-]*", name):
        raise ValueError(f"name {name!r}: expected letters, digits, and . _ + - between them")


def _options(fields: Mapping[str, Any]) -> dict[str, Any]:
    given = fields.get("options", {})
    return dict(given) if isinstance(given, Mapping) else {}


def _label(value: object) -> str:
    """Return a value as a part of a name: the members of a list joined by `+`."""
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def _filled(fields: Mapping[str, Any], labels: Mapping[str, str], *, where: str) -> dict[str, str]:
    """Return the texts of a table with their placeholders replaced; without `each` they are as written.

    Raises:
        SpecError: A placeholder that `each` doesn't have, or a name without placeholders for several rows.
    """
    if not labels:
        return {}
    texts = {field: str(fields[field]) for field in _TEMPLATES if field in fields}
    known = f"expected {{name}} of {', '.join(labels)}, as in '{'-'.join(f'{{{name}}}' for name in labels)}'"
    filled = {}
    for field, text in texts.items():
        try:
            parts = [(name, form, conversion) for _, name, form, conversion in string.Formatter().parse(text)]
        except ValueError as error:
            raise SpecError(f"{where}: {field} {text!r} is not a template ({error}): {known}") from error
        strange = [name for name, form, conversion in parts if name is not None and (form or conversion)]
        strange += [name for name, _, _ in parts if name is not None and name not in labels]
        if strange:
            raise SpecError(f"{where}: {field} {text!r} has {{{strange[0]}}}: {known}")
        filled[field] = text.format_map(labels)
    return filled
