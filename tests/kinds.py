"""Kinds of plug-ins, by what hangs on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcmbench.plugins import Kind

MAKERS: tuple[Kind, ...] = ("miners", "augmentations", "trainers", "encoders", "task_types", "cures", "forms")
"""Kinds that artefacts are made with, whose revisions are in keys."""
