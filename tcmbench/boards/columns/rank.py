"""Rank by gain, as a range: tied models share ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import ColumnFigure, Heading, nothing
from tcmbench.boards.texts import Text, same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=33,
    en="Rank",
    zh="排名",
    help_en="Rank by gain among the models with all scores that count: after those that are significantly better, "
    "before those that are significantly worse. Models whose ranks overlap are tied.",
    help_zh="按增益在计入增益的分数齐全的模型中的排名：排在确有更优者之后、确有更差者之前。名次区间重叠即为并列。",
    better="lower",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the best and the worst rank, one number where they are the same."""
    if row.aggregates.ranks is None:
        return nothing(Text("a task that counts as gain has no score", "计入增益的任务缺少分数"))
    best, worst = row.aggregates.ranks
    return ColumnFigure(value=float(best), text=same(f"{best}" if best == worst else f"{best}–{worst}"))
