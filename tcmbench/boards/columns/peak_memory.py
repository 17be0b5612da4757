"""Peak memory of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_RECORDED, NOT_TRAINED, ColumnFigure, Heading, nothing
from tcmbench.boards.texts import same

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=120,
    en="Peak memory",
    zh="峰值内存",
    help_en="Largest memory of the training process (of the GPU where there is one).",
    help_zh="训练进程的最大内存占用（有 GPU 时为显存）。",
    better="lower",
    shown=False,
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the memory in MiB or GiB."""
    mib = row.cost.peak_memory_mib if row.cost else None
    if mib is None:
        return nothing(NOT_RECORDED if row.kind == "variant" else NOT_TRAINED)
    return ColumnFigure(value=mib, text=same(f"{mib:.0f} MiB" if mib < 1000 else f"{mib / 1024:.1f} GiB"))
