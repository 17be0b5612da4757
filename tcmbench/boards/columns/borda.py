"""Borda rank: how often a model is better than the others, regardless of the size of the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import ColumnFigure, Heading, nothing
from tcmbench.boards.texts import Text, same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=70,
    en="Borda",
    zh="Borda 分",
    help_en="Borda points over all tasks: the share of comparisons with other models that it wins.",
    help_zh="全部任务上的 Borda 分：与其他模型两两比较中获胜的比例。",
    better="higher",
    shown=False,
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the share of Borda points in percent."""
    value = row.aggregates.borda
    if value is None:
        return nothing(Text("a task has no score", "有任务缺少分数"))
    return ColumnFigure(value=value, text=same(f"{value * 100:.0f}%"))
