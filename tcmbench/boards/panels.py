"""What pictures made of several panels, one below the other, share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from tcmbench.boards.canvas import Canvas
    from tcmbench.boards.table import BoardRow


def write_names(axes: Axes, rows: Sequence[BoardRow], canvas: Canvas) -> None:
    """Write the rows' names above the panels, in axes of their own, where no curve is."""
    axes.axis("off")
    for place, row in enumerate(rows):
        axes.text(
            0.0, 1 - (place + 0.5) / len(rows), "● " + canvas.data(row.title, 48), transform=axes.transAxes,
            va="center", fontsize=9, color=canvas.series(place), fontweight="bold",
        )  # fmt: skip
