"""Weights that another source has only in part: an adapter or a checkpoint, completed from the base that it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent
from tcmbench.models import completion
from tcmbench.models.sources._circles import require_end
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from tcmbench.models.completion import Unfinished
    from tcmbench.models.sources import Search
    from tcmbench.specs.base import Base

REVISION = "1"


class Options(PluginOptions):
    """The adapter or checkpoint."""

    folder: str
    """Its folder, from another source of the base."""


def find(base: Base, *, options: Options, search: Search) -> str:
    """Return the kind of the folder, with its base and where the weights of that come from."""
    unfinished = _unfinished(base, options)
    origin = search.origin(_origin(base, unfinished, search))
    kind = "adapter" if unfinished.is_adapter else "checkpoint"
    return f"{kind} over {base.tuned_from}" + (f" ({origin})" if origin else "")


def fetch(base: Base, *, options: Options, search: Search) -> Path:
    """Return the folder of the complete model.

    Raises:
        ModelAbsent: Its base is unknown or absent, or it doesn't fit it.
    """
    unfinished = _unfinished(base, options)
    return completion.complete(search.workspace.store, unfinished, search.model(_origin(base, unfinished, search)))


def remedy(base: Base, *, options: Options) -> str:
    """Return an empty text: what is missing is the base, which has a remedy of its own."""
    del base, options
    return ""


def _unfinished(base: Base, options: Options) -> Unfinished:
    unfinished = completion.unfinished(Path(options.folder))
    if unfinished is None:
        raise ModelAbsent(f"base {base.name}: {options.folder} is neither an adapter nor a checkpoint.")
    return unfinished


def _origin(base: Base, unfinished: Unfinished, search: Search) -> str:
    """Return the name of the base to complete it from.

    Raises:
        ModelAbsent: It is unknown. SpecError: The bases lead in a circle.
    """
    if base.tuned_from is None:
        raise ModelAbsent(f"base {base.name}: {unfinished.folder} needs the files of the base that it was tuned from.")
    require_end(search.workspace, base)
    return base.tuned_from
