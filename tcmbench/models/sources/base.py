"""Weights of another base, unchanged (`derive` without a vocabulary): the base is run with another encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent
from tcmbench.models.sources._circles import require_end
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.models.sources import Search
    from tcmbench.specs.base import Base

REVISION = "1"


class Options(PluginOptions):
    """As in the field `derive` of a base."""

    base: str
    """The other base."""


def find(base: Base, *, options: Options, search: Search) -> str:
    """Return the other base, and where its weights come from."""
    require_end(search.workspace, base)
    origin = search.origin(options.base)
    return options.base + (f" ({origin})" if origin else "")


def fetch(base: Base, *, options: Options, search: Search) -> Path:
    """Return the folder of the other base's weights.

    Raises:
        ModelAbsent: The other base is absent, or has no weights.
    """
    require_end(search.workspace, base)
    origin = search.model(options.base)
    if origin.model_dir is None:
        raise ModelAbsent(f"base {base.name}: derive: {options.base} has no weights. Name another base.")
    return origin.model_dir


def remedy(base: Base, *, options: Options) -> str:
    """Return an empty text: what is missing is the other base, which has a remedy of its own."""
    del base, options
    return ""
