"""Manifest of an artefact of the store: its kind and key, and the sha256 of each file, in `manifest.json`.

The manifest is written with the artefact and compared when the artefact is used. So a file that was edited or damaged,
and a folder that was copied over another, are detected before any result is read from them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench import strict_json
from tcmbench.checksums import settled_sha256
from tcmbench.errors import DamagedArtefact

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

NAME = "manifest.json"
"""Name of the file in the folder of an artefact."""


def describe(folder: Path, *, kind: str, key: str) -> dict[str, Any]:
    """Return the manifest of a folder as it is now."""
    return {"kind": kind, "key": key, "files": {name: settled_sha256(folder / name) for name in sorted(_names(folder))}}


def read(folder: Path, *, kind: str, key: str) -> Mapping[str, str]:
    """Return the name and sha256 of each file in the manifest of an artefact.

    Raises:
        DamagedArtefact: The manifest is missing, can't be read, or is another artefact's.
    """
    path = folder / NAME
    try:
        value = strict_json.loads(path.read_text(encoding="utf-8"))
        whose = (value["kind"], value["key"])
        files = {name: str(sha256) for name, sha256 in value["files"].items()}
    except FileNotFoundError as error:
        raise DamagedArtefact(path, what="it has no manifest") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamagedArtefact(path, what=f"expected a manifest that tcmbench wrote, but: {error}") from error
    if whose != (kind, key):
        raise DamagedArtefact(folder, what=f"expected {kind}/{key}, but it holds {'/'.join(map(str, whose))}")
    return files


def verify(folder: Path, *, kind: str, key: str, names: Collection[str] = ()) -> None:
    """Check that the files of an artefact are unchanged since they were written.

    Args:
        folder: The artefact.
        kind: Its kind.
        key: Its key.
        names: Files and folders in it that are checked and must be there; none for all files.

    Raises:
        DamagedArtefact: A file differs, is missing, or was added, or the folder is another artefact's.
    """
    recorded = read(folder, kind=kind, key=key)
    present = _names(folder)
    for name in names:
        if not any(_is_within(file, name) for file in recorded):
            raise DamagedArtefact(folder / name, what="it is missing, also from the manifest")
    for name in sorted(recorded.keys() | present):
        if names and not any(_is_within(name, within) for within in names):
            continue
        if name not in recorded:
            raise DamagedArtefact(folder / name, what="it is not in the manifest of the artefact")
        if name not in present:
            raise DamagedArtefact(folder / name, what="it is missing")
        try:
            sha256 = settled_sha256(folder / name)
        except OSError as error:
            raise DamagedArtefact(folder / name, what=f"it can't be read: {error.strerror}") from error
        if sha256 != recorded[name]:
            raise DamagedArtefact(folder / name, what=f"its content doesn't match its sha256 in {NAME}")


def _names(folder: Path) -> set[str]:
    """Return the names of all files but the manifest and hidden ones, which file managers leave behind."""
    return {
        (Path(current) / name).relative_to(folder).as_posix()
        for current, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".")
    } - {NAME}


def _is_within(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")
