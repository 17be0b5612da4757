"""Mean score over the held-out tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import ColumnFigure, Heading, mean

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=210,
    en="Mean",
    zh="平均",
    help_en="Mean score over the held-out tasks, in points; only where all of them have a score.",
    help_zh="留出任务的平均分（分）；仅在全部任务均有分数时给出。",
    better="higher",
    group="held_out",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the mean over the held_out tasks."""
    return mean(row.aggregates.means.get("held_out"))
