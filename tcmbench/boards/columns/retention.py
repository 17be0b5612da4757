"""Retention: the share of the reference's general scores that is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import MISSING, REFERENCE, Figure, Heading, nothing
from tcmbench.boards.texts import same

if TYPE_CHECKING:
    from tcmbench.boards.table import Row

HEADING = Heading(
    position=50,
    en="Retention",
    zh="保持率",
    help_en="Mean score over the general tasks as a share of the reference’s, in percent.",
    help_zh="通用任务平均分与参照模型平均分之比（%）。",
    better="higher",
    shown=False,
)


def figure(row: Row) -> Figure:
    """Return the retention in percent."""
    found = row.aggregates.retention
    if row.is_reference:
        return Figure(value=100.0, text=REFERENCE)
    if found is None:
        return nothing(MISSING)
    return Figure(value=found.value, text=same(f"{found.value:.1f}%"))
