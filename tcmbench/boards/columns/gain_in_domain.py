"""Gain on the target tasks of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import ColumnFigure, Heading, change

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=10,
    en="Gain in domain",
    zh="域内增益",
    help_en="Mean difference from the reference over the in-domain tasks, in points, with its interval.",
    help_zh="域内任务上相对参照模型的平均差值（分），附置信区间。",
    better="higher",
    frozen=True,
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the gain over the in_domain tasks."""
    return change(
        row.aggregates.in_domain, is_reference=row.is_reference, is_partial="in_domain" in row.aggregates.partial
    )
