"""Number of tokens processed in one training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_RECORDED, NOT_TRAINED, ColumnFigure, Heading, nothing
from tcmbench.boards.columns.trained_parameters import short
from tcmbench.boards.texts import same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=110,
    en="Train tokens",
    zh="训练词元",
    help_en="Tokens processed in one training.",
    help_zh="单次训练处理的词元数。",
    better="lower",
    shown=False,
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the number of tokens with a unit."""
    count = row.cost.train_tokens if row.cost else None
    if count is None:
        return nothing(NOT_RECORDED if row.kind == "variant" else NOT_TRAINED)
    return ColumnFigure(value=float(count), text=same(short(count)))
