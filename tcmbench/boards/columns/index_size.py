"""Size of the index over the documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_TIMED, ColumnFigure, Heading, nothing
from tcmbench.boards.texts import same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=132,
    en="Index",
    zh="索引",
    help_en="Size of the index over the documents that queries were timed on, with graph, lists, codebooks "
    "and vectors for rescoring.",
    help_zh="计时所用文档的索引大小，含图、倒排表、码本与重新计分所需的向量。",
    better="lower",
    shown=False,
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the size in KiB."""
    cost = row.cost.serving if row.cost else None
    if cost is None:
        return nothing(NOT_TIMED)
    return ColumnFigure(float(cost.index_bytes), same(f"{cost.index_bytes / 1024:,.0f} KiB"))
