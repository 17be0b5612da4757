"""Speed of encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_RECORDED, ColumnFigure, Heading, nothing
from tcmbench.boards.columns.trained_parameters import short
from tcmbench.boards.texts import same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=130,
    en="Encoding",
    zh="编码速度",
    help_en="Tokens encoded per second during the evaluation.",
    help_zh="评测时每秒编码的词元数。",
    better="higher",
    shown=False,
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return tokens per second."""
    speed = row.cost.encode_tokens_per_second if row.cost else None
    if speed is None:
        return nothing(NOT_RECORDED)
    return ColumnFigure(value=speed, text=same(f"{short(speed)} tok/s"))
