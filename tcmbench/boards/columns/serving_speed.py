"""Tokens of documents encoded per second, measured beside the other models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_TIMED, ColumnFigure, Heading, nothing
from tcmbench.boards.columns.trained_parameters import short
from tcmbench.boards.texts import same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=131,
    en="Tokens/s",
    zh="词元/秒",
    help_en="Tokens of documents encoded per second, measured beside the other models on one machine.",
    help_zh="每秒编码的文档词元数，与其他模型在同一机器上并列测量。",
    better="higher",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return tokens per second."""
    cost = row.cost.serving if row.cost else None
    if cost is None:
        return nothing(NOT_TIMED)
    return ColumnFigure(cost.tokens_per_second, same(short(cost.tokens_per_second)))
