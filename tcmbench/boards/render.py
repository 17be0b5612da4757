"""Writes a board down: `index.html`, `scores.csv`, `scores.json`. The same scores give the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.document import to_json
from tcmbench.boards.html import to_html
from tcmbench.boards.latex import to_latex
from tcmbench.boards.markdown import to_markdown
from tcmbench.boards.spreadsheet import to_csv
from tcmbench.store import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.table import Table

__all__ = ["to_csv", "to_html", "to_json", "to_latex", "to_markdown", "write"]


def write(table: Table, folder: Path, *, reload_seconds: int | None = None) -> list[Path]:
    """Write the board's files into a folder, each atomically, and return their paths.

    Args:
        table: The board.
        folder: Where to; made when absent.
        reload_seconds: Make the page reload itself, for a look during a run.
    """
    contents = {
        "index.html": to_html(table, reload_seconds=reload_seconds),
        "scores.csv": to_csv(table),
        "scores.json": to_json(table),
    }
    for name, text in contents.items():
        write_text(folder / name, text)
    return [folder / name for name in contents]
