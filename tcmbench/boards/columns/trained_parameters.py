"""Number of trainable parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_RECORDED, NOT_TRAINED, ColumnFigure, Heading, nothing
from tcmbench.boards.texts import same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=100,
    en="Trained params",
    zh="训练参数量",
    help_en="Number of trainable parameters.",
    help_zh="训练中可更新的参数数量。",
    better="lower",
    shown=False,
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the number with a unit (k, M, B)."""
    count = row.cost.trained_parameters if row.cost else None
    if count is None:
        return nothing(NOT_RECORDED if row.kind == "variant" else NOT_TRAINED)
    return ColumnFigure(value=float(count), text=same(short(count)))


def short(count: float) -> str:
    """Return a count in three digits and a unit: 812, 3.1 M, 596 M."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size * 0.9995:
            return f"{count / size:.3g} {unit}"
    return f"{count:.3g}"
