"""Writes a board: a page, data, and tables for papers. The same scores give the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.document import to_json
from tcmbench.boards.files import PUBLISHED
from tcmbench.boards.html import to_html
from tcmbench.boards.latex import to_latex
from tcmbench.boards.markdown import to_markdown
from tcmbench.boards.spreadsheet import to_csv
from tcmbench.store import write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tcmbench.boards.table import Table

__all__ = ["WRITERS", "to_csv", "to_html", "to_json", "to_latex", "to_markdown", "write"]

WRITERS: Mapping[str, Callable[[Table], str]] = {
    "index.html": to_html,
    "scores.csv": to_csv,
    "scores.json": to_json,
    "scores.md": to_markdown,
    "scores.tex": to_latex,
}
"""Name of a file → its writer."""


def write(table: Table, folder: Path, *, names: Iterable[str] = PUBLISHED) -> list[Path]:
    """Write files of a board into a folder, each atomically, and return their paths.

    Args:
        table: The board.
        folder: Target folder, created when absent.
        names: Names of files in `WRITERS`.
    """
    written = []
    for name in names:
        write_text(folder / name, WRITERS[name](table))
        written.append(folder / name)
    return written
