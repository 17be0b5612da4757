"""A model by name, with the revision that identifies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.specs.base import Base
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be measured here."""

    name: str
    """Name on the board: the base's, or `<variant>/seed<k>`."""

    base: Base
    """How it is used; of a tuned model, the base it was tuned from."""

    model_dir: Path | None
    """Folder of its weights; None for a model without any."""

    revision: str
    """Hash of everything that changes its scores."""

    seed: int = 0
    """Seed it was trained with."""

    weights_from: str = ""
    """Where its weights come from, for boards; empty for a folder of this machine, and without weights."""

    named_in: Workspace | None = None
    """Where the bases are that its options name, of a model behind a server; None for others."""
