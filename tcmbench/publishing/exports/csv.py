"""One line per model and task, as the `scores.csv` of a board (`boards.spreadsheet` describes its columns)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.spreadsheet import to_csv
from tcmbench.store import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.publishing.exports import StoredBoard

CAN_BE_ONLINE = False


def write(board: StoredBoard, folder: Path, *, is_online: bool) -> list[str]:
    """Write `SET.csv`."""
    del is_online
    path = folder / f"{board.name}.csv"
    write_text(path, to_csv(board.table))
    return [str(path)]
