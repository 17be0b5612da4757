"""Fields of a spec as the text of a TOML file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def to_toml(fields: Mapping[str, Any]) -> str:
    """Return the text of a file with these fields: plain values first, then a section for each table.

    Args:
        fields: Text, numbers, true and false, lists of these, and tables; None, which TOML lacks, is left out.
    """
    return "\n".join(_lines(fields, ())) + "\n"


def _lines(fields: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    plain = [f"{_key(name)} = {_value(value)}" for name, value in fields.items() if _is_plain(value)]
    lines = [*([""] * bool(path)), f"[{'.'.join(map(_key, path))}]", *plain] if path and plain else plain
    for name, value in fields.items():
        if isinstance(value, dict):
            lines += _lines(value, (*path, name)) or ["", f"[{'.'.join(map(_key, (*path, name)))}]"]
    return lines


def _is_plain(value: object) -> bool:
    return value is not None and not isinstance(value, dict)


def _key(name: str) -> str:
    return name if name and set(name) <= _PLAIN else _value(name)


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(name)} = {_value(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, float):
        return repr(value)
    # JSON escapes what TOML has to have escaped, except for the delete character
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
