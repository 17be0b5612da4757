"""Number of seeds: with several, the intervals cover the variance of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_TRAINED, ColumnFigure, Heading, nothing
from tcmbench.boards.texts import same, text

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow
    from tcmbench.boards.texts import Text

HEADING = Heading(
    position=80,
    en="Seeds",
    zh="随机种子",
    help_en="Trainings with different seeds. With a single seed the intervals cover the items only, or the noise of "
    "training as the other variants’ seeds show it, where they have several.",
    help_zh="不同随机种子的训练次数。只有一个种子时，置信区间仅反映条目的抽样误差；若其他变体有多个种子，则含由其估计的训练噪声。",
    shown=False,
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the number of seeds; a dash for models that were not trained here."""
    if row.kind != "variant":
        return nothing(NOT_TRAINED)
    return ColumnFigure(
        value=float(row.seeds),
        text=same(str(row.seeds)),
        note=_note(row),
    )


def _note(row: BoardRow) -> Text:
    if row.seeds != 1:
        return same("")
    return text("terms.pooled") if row.is_pooled else text("script.single_seed")
