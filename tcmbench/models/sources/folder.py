"""Weights in a folder: of the workspace, of tcmbench, or anywhere on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent
from tcmbench.models import swift_output
from tcmbench.models.folder import MARKS, is_model
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from tcmbench.models.sources import Search
    from tcmbench.specs.base import Base
    from tcmbench.workspace import Workspace

REVISION = "1"


class Options(PluginOptions):
    """The folder."""

    path: str
    """As in the field `path` of a base."""


def find(base: Base, *, options: Options, search: Search) -> str:
    """Return an empty text: a folder of this machine means nothing elsewhere."""
    fetch(base, options=options, search=search)
    return ""


def fetch(base: Base, *, options: Options, search: Search) -> Path:
    """Return the folder, unchanged; of an ms-swift output, its best or last checkpoint.

    Raises:
        ModelAbsent: No candidate is the folder of a model.
    """
    places = _places(search.workspace, options.path)
    for place in places:
        checkpoint = swift_output.checkpoint(place)
        if is_model(checkpoint):
            return checkpoint
    remedy_line = remedy(base, options=options)
    advice = f" Or run: {remedy_line} for the bundled ones." if remedy_line else ""
    raise ModelAbsent(
        f"base {base.name}: no weights in {', '.join(map(str, places))}: expected one of {', '.join(MARKS)}. "
        f"Put the model's folder there, or correct `path`.{advice}"
    )


def remedy(base: Base, *, options: Options) -> str:
    """Return the command that trains the bundled models; empty for others."""
    del base
    return "make mini-zh DATA=…" if options.path.startswith("mini-zh") else ""


def _places(workspace: Workspace, path: str) -> list[Path]:
    """Return the candidates for a path: absolute, or relative to the workspace's `models` or the base's own file."""
    whole = Path(path).expanduser()
    if whole.is_absolute():
        return [whole]
    folders = ["models/bases"] if path.startswith(("./", "../")) else ["models", "models/bases"]
    places = [content / folder / path for content in workspace.content for folder in folders]
    return [Path(os.path.normpath(place)) for place in places]
