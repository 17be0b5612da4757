"""Values of a JSON object's fields, validated in the same way for every reader."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from tcmbench.data.fields import FieldProblem
from tcmbench.data.lines import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,3})?", re.ASCII)
_NOTHING: tuple[object, ...] = (None, "", [], {})


def kind(value: object) -> str:
    """Return the type of a JSON value in words; never the value, which may be a patient's."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinite"
    names = {str: "text", int: "a number", float: "a number", list: "an array", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def is_missing(value: object) -> bool:
    """Return whether a value is missing: null, or the NaN that table tools write."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def unread(row: Mapping[str, object], *read: str) -> tuple[str, ...]:
    """Return the keys of a row with a value, other than those that were read."""
    return tuple(key for key, value in row.items() if key not in read and value not in _NOTHING)


def text(row: Mapping[str, object], *names: str) -> str:
    """Return the text of the first existing field; surrounding space is kept, since it is part of a model's input.

    Raises:
        FieldProblem: There is none, or it is not text, or blank.
    """
    for name in names:
        if name in row:
            return as_text(row[name], name)
    raise FieldProblem(f"expected {' or '.join(names)}; {keys(row)}")


def texts(row: Mapping[str, object], *names: str) -> tuple[str, ...]:
    """Return the texts of the first existing field, a list or one text; () when missing or null.

    Raises:
        FieldProblem: One of them is not text, or blank.
    """
    for name in names:
        value = row.get(name)
        if value is not None:
            return tuple(as_text(item, name) for item in (value if isinstance(value, list) else [value]))
    return ()


def as_text(value: object, name: str) -> str:
    """Return a value that must be non-blank text.

    Raises:
        FieldProblem: It is not.
    """
    if not isinstance(value, str):
        raise FieldProblem(f"{name}: expected text, got {kind(value)}")
    if not value.strip():
        raise FieldProblem(f"{name}: expected text, got blank text")
    return clean(value, strip=False)


def number(row: Mapping[str, object], name: str, *, default: float | None = None) -> float:
    """Return a finite number, also from its digits as text, which is what a cell of CSV is.

    Raises:
        FieldProblem: It is not one, or it is missing and there is no default.
    """
    value = row.get(name, default)
    if name not in row and default is None:
        raise FieldProblem(f"expected {name}; {keys(row)}")
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldProblem(f"{name}: expected a number, got {kind(value)}")
    try:
        result = float(value)
    except OverflowError as error:
        raise FieldProblem(f"{name}: expected a number, got one of over 300 digits") from error
    if not math.isfinite(result):
        raise FieldProblem(f"{name}: expected a number, got {kind(result)}")
    return result


def identifier(row: Mapping[str, object], *names: str) -> str:
    """Return the first existing field as an id: text without surrounding space, or a whole number's digits.

    Raises:
        FieldProblem: There is none, or it is something else.
    """
    name = next((name for name in names if name in row), names[0])
    if name not in row:
        raise FieldProblem(f"expected {name}; {keys(row)}")
    value = row[name]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        raise FieldProblem(f'{name}: expected text or a whole number, got a decimal number. Write it as "…"')
    if not isinstance(value, str):
        raise FieldProblem(f"{name}: expected text or a whole number, got {kind(value)}")
    if not (result := clean(value)):
        raise FieldProblem(f"{name}: expected text or a whole number, got blank text")
    return result


def keys(row: Mapping[str, object]) -> str:
    """Return the keys of a row in words, for messages."""
    return f"keys here: {', '.join(sorted(row)) or 'none'}"
