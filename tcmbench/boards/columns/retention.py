"""Retention: the share of the reference's general scores that is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import Figure, Heading

if TYPE_CHECKING:
    from tcmbench.boards.table import Row

HEADING = Heading(
    position=50,
    en="Retention",
    zh="保持率",
    help_en="Mean of score divided by the reference's score over the general tasks, in percent.",
    help_zh="通用任务上得分与参照模型得分之比的平均值（%）。",
    better="higher",
    shown=False,
)


def figure(row: Row) -> Figure:
    """Return the retention in percent."""
    value = row.aggregates.retention
    if value is None:
        return Figure(value=None, text="–", note="a general task has no score")
    return Figure(value=value, text=f"{value:.1f}%")
