"""Milliseconds per query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_TIMED, ColumnFigure, Heading, nothing
from tcmbench.boards.texts import same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=38,
    en="ms/query",
    zh="毫秒/查询",
    help_en="Median time from the text of one query to its ten best documents, measured beside the other "
    "models on one machine.",
    help_zh="从单个查询文本到其最佳十个文档的时间中位数，与其他模型在同一机器上并列测量。",
    better="lower",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the median, with the 95th percentile as the note."""
    cost = row.cost.serving if row.cost else None
    if cost is None:
        return nothing(NOT_TIMED)
    return ColumnFigure(cost.query_ms, same(f"{cost.query_ms:.2f}"), note=same(f"p95 {cost.query_ms_p95:.2f} ms"))
