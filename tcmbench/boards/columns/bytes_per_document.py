"""Bytes stored of one document's vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_TIMED, ColumnFigure, Heading, nothing
from tcmbench.boards.texts import same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=37,
    en="Bytes/doc",
    zh="字节/文档",
    help_en="Bytes stored of one document's vector, those for rescoring included; without graph, lists and codebooks.",
    help_zh="每个文档向量存储的字节数，含重新计分所需的向量；不含图、倒排表与码本。",
    better="lower",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the bytes."""
    cost = row.cost.serving if row.cost else None
    if cost is None:
        return nothing(NOT_TIMED)
    return ColumnFigure(value=float(cost.bytes_per_document), text=same(f"{cost.bytes_per_document:,}"))
