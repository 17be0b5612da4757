"""Share of the general tasks' items with a loss: small mean losses can affect many users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import MISSING, NOT_TRAINED, REFERENCE, ColumnFigure, Heading, nothing, starred
from tcmbench.boards.texts import Text, same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=60,
    en="Items worse",
    zh="变差条目",
    help_en="Mean share of the general tasks' items whose score is below the reference's.",
    help_zh="通用任务中得分低于参照模型的条目所占比例（各任务平均）。",
    better="lower",
    shown=False,
)

_NO_ITEMS = Text("no general task has scores of single items", "没有逐条评分的通用任务")


def figure(row: BoardRow) -> ColumnFigure:
    """Return the share in percent."""
    if row.kind != "variant" and not row.is_reference:
        return nothing(NOT_TRAINED)
    value = row.aggregates.worse_share
    if row.is_reference:
        return ColumnFigure(value=0.0, text=REFERENCE)
    if value is None:
        return nothing(MISSING if row.aggregates.general is None else _NO_ITEMS)
    shown = ColumnFigure(value=value, text=same(f"{value * 100:.0f}%"))
    return starred(shown, is_partial="general" in row.aggregates.partial)
