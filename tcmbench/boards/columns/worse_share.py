"""How many items of the general tasks got worse: small mean losses can touch many users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import Figure, Heading

if TYPE_CHECKING:
    from tcmbench.boards.table import Row

HEADING = Heading(
    position=60,
    en="Items worse",
    zh="变差条目",
    help_en="Mean share of the general tasks' items whose score fell below the reference's.",
    help_zh="通用任务中得分低于参照模型的条目所占比例（各任务平均）。",
    better="lower",
    shown=False,
)


def figure(row: Row) -> Figure:
    """Return the share in percent."""
    value = row.aggregates.worse_share
    if row.is_reference:
        return Figure(value=0.0, text="ref.")
    if value is None:
        return Figure(value=None, text="–", note="no general task with a score an item")
    return Figure(value=value, text=f"{value * 100:.0f}%")
