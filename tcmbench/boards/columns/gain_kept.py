"""Gain of a cure as a share of the untreated variant's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import ColumnFigure, Heading, of_untreated

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=33,
    en="Gain kept",
    zh="增益保留",
    help_en="Of a cure: its gain in percent of that of the variant it is made from, on the same items; above 100 it "
    "gains more. Not defined where that variant has no significant gain.",
    help_zh="治疗所得模型的增益占其来源变体增益的百分比（相同条目，逐条配对）；高于 100 表示增益更大。"
    "来源变体无显著增益时无定义。",
    better="higher",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the share in percent with its interval, or why it is not defined."""
    return of_untreated(row.cure, "gain_kept")
