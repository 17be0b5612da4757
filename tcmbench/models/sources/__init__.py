"""Sources of the weights of a base, one per file: a folder, the hub's cache, an installed package, another base.

A base names its sources in order (`Base.all_sources`); the first that has the weights is used. Which one it was is
shown with every result, and the revision of the model is the hash of what it supplied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.plugins import PluginOptions
    from tcmbench.records.model import Model
    from tcmbench.specs.base import Base
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Search:
    """What a source may use."""

    workspace: Workspace
    """Workspace with the folders, the bases and the store."""

    download: bool
    """Whether files may be downloaded."""

    origin: Callable[[str], str]
    """Returns the description of the source of another base, by its name; raises ModelAbsent like `find`."""

    model: Callable[[str], Model]
    """Returns the model of another base, by its name."""


class WeightSource(Protocol):
    """Interface of a module of this folder."""

    REVISION: str
    """Raised whenever the same options supply other weights; part of the key of what a source stores."""

    def find(self, base: Base, *, options: PluginOptions, search: Search) -> str:
        """Return a description of where the weights come from, for boards: without folders of this machine.

        It is fast, so that bases can be listed: nothing is downloaded, converted or hashed.

        Raises:
            ModelAbsent: The source doesn't have the weights; the message says how to get them.
        """
        ...

    def fetch(self, base: Base, *, options: PluginOptions, search: Search) -> Path:
        """Return the folder of the weights, in the hub layout, or of an adapter or checkpoint.

        Raises:
            ModelAbsent: The source doesn't have the weights; the message says how to get them.
        """
        ...

    def remedy(self, base: Base, *, options: PluginOptions) -> str:
        """Return the command that gets the weights, in one line; empty where there is none."""
        ...
