"""TOML files as plain values: unusable or oversized values are rejected here with file and key."""

from __future__ import annotations

import math
import tomllib
from datetime import date, time
from typing import TYPE_CHECKING, Any

from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LARGEST = 1 << 20
_DEEPEST = 20
_LARGEST_NUMBER = 2**63


def load(path: Path) -> tuple[dict[str, Any], str]:
    """Return the values of a TOML file, and its text.

    Raises:
        SpecError: It can't be read, isn't TOML, is larger than 1 MiB, is nested deeper than 20 tables, or holds a date,
            a number that isn't finite, or one of over 64 bits.
    """
    try:
        if path.exists() and not path.is_file():  # opening a named pipe would block forever
            raise SpecError(f"{path}: expected a file, got a folder, device or pipe.")
        if path.stat().st_size > _LARGEST:
            raise SpecError(f"{path}: expected at most {_LARGEST:,} bytes, got {path.stat().st_size:,}. Split it.")
        text = path.read_text(encoding="utf-8")
        given = tomllib.loads(text)
    except OSError as error:
        raise SpecError(f"{path}: expected a readable file, but: {error.strerror}.") from error
    except RecursionError as error:
        raise SpecError(f"{path}: expected at most {_DEEPEST} tables inside one another, got more.") from error
    except ValueError as error:  # tomllib's own, text that is not UTF-8, numbers of thousands of digits
        raise SpecError(f"{path}: not valid TOML: {error}") from error
    for key, value, depth in _walk(given):
        reason = _reason(value, depth)
        if reason:
            raise SpecError(f"{path}: {key}: {reason}.")
    return given, text


def _walk(given: dict[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Yield every value with the name of its topmost key, and its depth, without recursion."""
    left: list[tuple[str, Any, int]] = [(key, value, 1) for key, value in given.items()]
    while left:
        key, value, depth = left.pop()
        yield key, value, depth
        if depth > _DEEPEST:
            continue
        if isinstance(value, dict):
            left.extend((key, inner, depth + 1) for inner in value.values())
        elif isinstance(value, list):
            left.extend((key, inner, depth + 1) for inner in value)


def _reason(value: object, depth: int) -> str:
    if depth > _DEEPEST:
        return f"expected at most {_DEEPEST} tables inside one another, got more"
    if isinstance(value, date | time):
        return f"expected text, a number, true, false, a list or a table; got the date {value}. Put it in quotes"
    if isinstance(value, float) and not math.isfinite(value):
        return f"expected a finite number, got {value}"
    if isinstance(value, int) and abs(value) >= _LARGEST_NUMBER:
        return "expected a number of at most 64 bits, got a larger one"
    return ""
