"""JSON in which no key of an object stands twice: Python's reader takes the last value and says nothing."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn


class DuplicateKey(ValueError):
    """A key that stands twice in one object; which value is meant can't be known."""


def loads(text: str | bytes, *, finite: bool = False) -> Any:
    """Return the value of a JSON text.

    Args:
        text: The text.
        finite: Whether NaN and infinity, which Python's reader takes, are refused.

    Raises:
        json.JSONDecodeError: The text is no JSON.
        UnicodeDecodeError: The bytes are no UTF-8.
        DuplicateKey: A key stands twice in one object.
        ValueError: It holds NaN or infinity, and numbers are to be finite.
        RecursionError: It is nested too deeply.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    return (_FINITE_DECODER if finite else DECODER).decode(text)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these pairs.

    Raises:
        DuplicateKey: Two have the same key.
    """
    value = dict(pairs)
    if len(value) != len(pairs):
        (name, _), *_ = (Counter(key for key, _ in pairs) - Counter(value.keys())).items()
        raise DuplicateKey(f"the key {name!r:.80} stands twice in one object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"expected finite numbers, got {name}")


# One for all: json.loads with a hook would set up a decoder for each line of a file.
DECODER = json.JSONDecoder(object_pairs_hook=unique)
"""Reads by the same rule where a text holds several values."""

_FINITE_DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_constant=_refuse_constant)
