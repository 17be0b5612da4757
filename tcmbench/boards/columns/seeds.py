"""Number of seeds: with several, the intervals cover the variance of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_TRAINED, ColumnFigure, Heading, nothing
from tcmbench.boards.texts import same, text

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=80,
    en="Seeds",
    zh="随机种子",
    help_en="Trainings with different seeds. With a single seed the intervals cover the items only.",
    help_zh="不同随机种子的训练次数。只有一个种子时，置信区间仅反映条目的抽样误差。",
    shown=False,
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the number of seeds; a dash for models that were not trained here."""
    if row.kind != "variant":
        return nothing(NOT_TRAINED)
    return ColumnFigure(
        value=float(row.seeds),
        text=same(str(row.seeds)),
        note=text("script.single_seed") if row.seeds == 1 else same(""),
    )
