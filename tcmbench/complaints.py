"""What a schema has against an input, in plain words: an unknown field with the known ones, a value with what fits."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from pydantic import BaseModel

from tcmbench.errors import meant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_LONGEST_PLACE = 200
_IN_A_LINE = 5
_MANY = 20


class Complaint(NamedTuple):
    """What is wrong at one place of an input."""

    place: str
    """Names of the fields down to it, joined by dots; empty for the whole input."""

    name: str
    """Name of the field itself."""

    text: str
    """What was expected there."""

    value: object
    """What came."""

    is_about_value: bool
    """Whether it says what is wrong with a value that is there, which may be shown beside it."""


def complaints(error: ValidationError, schema: type[BaseModel] | None = None) -> list[Complaint]:
    """Return all complaints of a validation.

    Args:
        error: What pydantic raised.
        schema: The schema of the whole input, whose fields are named where one is unknown.
    """
    return [_complaint(each, schema) for each in error.errors()]


def in_one_line(error: ValidationError, schema: type[BaseModel] | None = None, *, whole: str = "") -> str:
    """Return the first complaints in one line; `whole` names the input itself."""
    parts = [": ".join(filter(None, (one.place or whole, one.text.rstrip(".")))) for one in complaints(error, schema)]
    more = [f"and {len(parts) - _IN_A_LINE} more"] if len(parts) > _IN_A_LINE else []
    return "; ".join([*parts[:_IN_A_LINE], *more])


def _complaint(error: ErrorDetails, schema: type[BaseModel] | None) -> Complaint:
    location, kind = error["loc"], error["type"]
    place, name = ".".join(map(str, location))[:_LONGEST_PLACE], str(location[-1]) if location else ""
    if kind == "extra_forbidden":
        text = "unknown field" + _hint(name, _table(schema, location[:-1]))
        return Complaint(place, name, text, error["input"], is_about_value=False)
    text = error["msg"].removeprefix("Value error, ").replace("valid tuple", "valid list")
    return Complaint(place, name, text, error["input"], is_about_value=kind != "missing" and bool(location))


def _hint(name: str, table: type[BaseModel] | None) -> str:
    if table is None:
        return ""
    known = sorted(table.model_fields)
    if close := meant(name, known):
        return f".{close}"
    more = f" and {len(known) - _MANY} more" if len(known) > _MANY else ""
    return f". Known fields: {', '.join(known[:_MANY]) or 'none'}{more}."


def _table(schema: type[BaseModel] | None, location: Iterable[int | str]) -> type[BaseModel] | None:
    """Return the schema of a table in an input; numbers of lists, keys of mappings and tags of unions don't lead on."""
    for part in location:
        if schema is not None and part in schema.model_fields:
            schema = _model_in(schema.model_fields[str(part)].annotation)
    return schema


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
