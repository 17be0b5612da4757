"""JSON in which no key of an object stands twice: Python's reader takes the last value and says nothing."""

from __future__ import annotations

import json
from typing import Any


class DuplicateKey(ValueError):
    """A key that stands twice in one object; which value is meant can't be known."""


def loads(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        json.JSONDecodeError: The text is no JSON.
        UnicodeDecodeError: The bytes are no UTF-8.
        DuplicateKey: A key stands twice in one object.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, object_pairs_hook=unique)  # noqa: TID251 - the one place


def decoder() -> json.JSONDecoder:
    """Return a decoder with the same rule, for texts that hold several values."""
    return json.JSONDecoder(object_pairs_hook=unique)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these pairs.

    Raises:
        DuplicateKey: Two have the same key.
    """
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        name = next(key for key in value if keys.count(key) > 1)
        raise DuplicateKey(f"the key {name!r:.80} stands twice in one object")
    return value
