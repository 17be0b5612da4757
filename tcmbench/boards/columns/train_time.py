"""Training time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_RECORDED, NOT_TRAINED, ColumnFigure, Heading, nothing
from tcmbench.boards.texts import Text, text

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=90,
    en="Training time",
    zh="训练时间",
    help_en="Wall time of one training, mean over seeds.",
    help_zh="单次训练的墙钟时间（各种子平均）。",
    better="lower",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the wall time in seconds, minutes or hours."""
    seconds = row.cost.train_seconds if row.cost else None
    if seconds is None:
        return nothing(NOT_RECORDED if row.kind == "variant" else NOT_TRAINED)
    return ColumnFigure(value=seconds, text=duration(seconds))


def duration(seconds: float) -> Text:
    """Return a span of time with one unit: 9.5 s, 12 min, 3.1 h."""
    if seconds < 99.5:
        return text("answer.seconds", count=f"{seconds:.0f}" if seconds >= 9.95 else f"{seconds:.1f}")
    if seconds < 99.5 * 60:
        return text("answer.minutes", count=f"{seconds / 60:.0f}")
    return text("answer.hours", count=f"{seconds / 3600:.1f}")
