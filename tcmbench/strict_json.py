"""JSON without duplicate keys: Python's reader silently takes the last value."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn


class DuplicateKey(ValueError):
    """A duplicate key in one object, so that its value is ambiguous."""


def loads(text: str | bytes, *, finite: bool = False) -> Any:
    """Return the value of a JSON text.

    Args:
        text: The text.
        finite: Whether NaN and infinity, which Python's reader accepts, are rejected.

    Raises:
        json.JSONDecodeError: The text is not JSON.
        UnicodeDecodeError: The bytes are not UTF-8.
        DuplicateKey: A key occurs twice in one object.
        ValueError: It holds NaN or infinity, and numbers must be finite.
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
        raise DuplicateKey(f"the key {name!r:.80} occurs twice in one object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"expected finite numbers, got {name}")


# Shared, because json.loads with a hook would set up a decoder for each line of a file.
DECODER = json.JSONDecoder(object_pairs_hook=unique)
"""Decoder with the same rule, for a text that holds several values."""

_FINITE_DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_constant=_refuse_constant)
