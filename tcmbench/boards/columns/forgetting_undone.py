"""Forgetting that a cure undoes, as a share of the untreated variant's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import ColumnFigure, Heading, of_untreated

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=34,
    en="Forgetting undone",
    zh="遗忘消除",
    help_en="Of a cure: the share of the backward transfer of the variant it is made from that is gone, on the same "
    "items; 100 forgets nothing, 0 as much as that variant. Not defined where that variant has no significant loss.",
    help_zh="治疗所得模型消除其来源变体反向迁移损失的百分比（相同条目，逐条配对）；"
    "100 为毫无遗忘，0 为与来源变体同样遗忘。来源变体无显著损失时无定义。",
    better="higher",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the share in percent with its interval, or why it is not defined."""
    return of_untreated(row.cure, "forgetting_undone")
