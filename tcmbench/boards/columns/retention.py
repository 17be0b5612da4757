"""Retention: general scores as a share of the reference's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import MISSING, NOT_TRAINED, REFERENCE, ColumnFigure, Heading, nothing, starred
from tcmbench.boards.texts import Text, same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=50,
    en="Retention",
    zh="保持率",
    help_en="Mean score over the general tasks as a share of the reference’s, in percent.",
    help_zh="通用任务平均分与参照模型平均分之比（%）。",
    better="higher",
    shown=False,
)

_NO_RATIO = Text("the reference's mean is not significantly above zero", "参照模型的平均分并非显著大于零")


def figure(row: BoardRow) -> ColumnFigure:
    """Return the retention in percent."""
    if row.kind != "variant" and not row.is_reference:
        return nothing(NOT_TRAINED)
    retention = row.aggregates.retention
    if row.is_reference:
        return ColumnFigure(value=100.0, text=REFERENCE)
    if retention is None:
        return nothing(MISSING if row.aggregates.general is None else _NO_RATIO)
    shown = ColumnFigure(value=retention.value, text=same(f"{retention.value:.1f}%"))
    return starred(shown, is_partial="general" in row.aggregates.partial)
