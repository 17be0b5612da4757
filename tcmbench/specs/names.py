"""Names and paths that specs may give: none of them leads out of the folders that it is meant for."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated

from pydantic import AfterValidator

from tcmbench import redaction

_LONGEST = 150
"""Bytes; a file system takes 255, and endings and temporary names are added."""


def checked(name: str) -> str:
    """Return a name that files can carry.

    Raises:
        ValueError: It is empty or long, begins with a point, or holds a slash or a character that can't be shown.
    """
    size = len(name.encode("utf-8", errors="surrogatepass"))
    if not 0 < size <= _LONGEST:
        raise ValueError(f"expected a name of 1 to {_LONGEST} bytes, got {size}")
    if name.startswith(".") or any(character in "/\\" or not character.isprintable() for character in name):
        raise ValueError(f"name {name!r}: expected a file name: no slash, no leading dot, no unprintable character")
    return name


def is_name(name: str) -> bool:
    """Return whether a file can carry the name; one that can't is no spec's."""
    try:
        checked(name)
    except ValueError:
        return False
    return True


def leads_outside(path: str) -> bool:
    """Return whether a path under the data root leads out of it by what it says."""
    windows = PureWindowsPath(path)
    return bool(PurePosixPath(path).is_absolute() or windows.drive or windows.root or ".." in windows.parts)


def _checked_reference(name: str) -> str:
    """Return the name of a branch, tag, commit or repository, which the hub's cache makes folders of.

    Raises:
        ValueError: It could lead to another folder, or be read as an option of a program.
    """
    if not _REFERENCE.fullmatch(name) or ".." in name:
        raise ValueError("expected letters, digits and . _ - / between them, as in org/model or refs/pr/1")
    return name


_REFERENCE = re.compile(r"\w(?:[\w.+-]|/(?=\w)){0,200}", re.ASCII)

FileName = Annotated[str, AfterValidator(checked)]
"""A name that becomes part of paths."""

Reference = Annotated[str, AfterValidator(_checked_reference)]
"""A name on the hub, or of a type of model: no path and no option."""

Prose = Annotated[str, AfterValidator(redaction.text)]
"""Text for people; a secret in it is hidden when it is read."""
