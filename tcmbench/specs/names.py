"""Names and paths in specs: none of them leads out of its intended folder."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated

from pydantic import AfterValidator

from tcmbench import redaction

_LONGEST = 150
"""Bytes; file systems allow 255, and endings and temporary names are added."""


def checked(name: str) -> str:
    """Return a name that is valid for files.

    Raises:
        ValueError: It is empty or too long, begins with a dot, or contains a slash or an unprintable character.
    """
    size = len(name.encode("utf-8", errors="surrogatepass"))
    if not 0 < size <= _LONGEST:
        raise ValueError(f"expected a name of 1 to {_LONGEST} bytes, got {size}")
    if name.startswith(".") or any(character in "/\\" or not character.isprintable() for character in name):
        raise ValueError(f"name {name!r}: expected a file name: no slash, no leading dot, no unprintable character")
    return name


def is_name(name: str) -> bool:
    """Return whether the name is valid for a file, and therefore for a spec."""
    try:
        checked(name)
    except ValueError:
        return False
    return True


def leads_outside(path: str) -> bool:
    """Return whether a path under the data root is written so that it leads out of it."""
    windows = PureWindowsPath(path)
    return bool(PurePosixPath(path).is_absolute() or windows.drive or windows.root or ".." in windows.parts)


def _checked_reference(name: str) -> str:
    """Return the name of a branch, tag, commit or repository, from which the hub's cache derives folders.

    Raises:
        ValueError: It could lead to another folder, or be parsed as an option of a program.
    """
    if not _REFERENCE.fullmatch(name) or ".." in name:
        raise ValueError("expected letters, digits and . _ - / between them, as in org/model or refs/pr/1")
    return name


_REFERENCE = re.compile(r"\w(?:[\w.+-]|/(?=\w)){0,200}", re.ASCII)

FileName = Annotated[str, AfterValidator(checked)]
"""A name that becomes part of paths."""

Reference = Annotated[str, AfterValidator(_checked_reference)]
"""A name on the hub, or of a type of model: neither a path nor an option."""

Prose = Annotated[str, AfterValidator(redaction.text)]
"""Text for display; secrets in it are redacted on reading."""
