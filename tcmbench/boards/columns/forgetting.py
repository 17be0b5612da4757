"""Backward transfer: the change on tasks that were not the target of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_TRAINED, ColumnFigure, Heading, change, nothing

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=30,
    en="Forgetting (BWT)",
    zh="遗忘（BWT）",
    help_en="Backward transfer (BWT): mean difference from the reference over the general tasks, in points. "
    "Negative values mean forgetting.",
    help_zh="反向迁移（BWT）：通用任务上相对参照模型的平均差值（分）。小于零表示发生遗忘。",
    better="higher",
    frozen=True,
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the mean difference over the general tasks."""
    if row.kind != "variant" and not row.is_reference:
        return nothing(NOT_TRAINED)
    return change(row.aggregates.general, is_reference=row.is_reference, is_partial="general" in row.aggregates.partial)
