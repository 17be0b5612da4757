"""Mean score over the general tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import ColumnFigure, Heading, mean

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=220,
    en="Mean",
    zh="平均",
    help_en="Mean score over the general tasks, in points; only where all of them have a score.",
    help_zh="通用任务的平均分（分）；仅在全部任务均有分数时给出。",
    better="higher",
    group="general",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the mean over the general tasks."""
    return mean(row.aggregates.means.get("general"))
