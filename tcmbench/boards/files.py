"""Names of the files of a board."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES: Mapping[str, str] = {
    "html": "index.html",
    "latex": "scores.tex",
    "markdown": "scores.md",
    "csv": "scores.csv",
    "json": "scores.json",
}
"""Format → name of its file."""

PUBLISHED = ("index.html", "scores.csv", "scores.json")
"""Files of a board; the others are written from the same scores on request."""
