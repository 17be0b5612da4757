"""Differences from the reference, task by task, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.canvas import INK, MUTED, RULE, Canvas, Drawing, bare
from tcmbench.boards.featured import featured
from tcmbench.boards.figures import Caption
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tcmbench.boards.table import BoardRow, Table, TaskColumn

CAPTION = Caption(
    position=20,
    title=Text("Difference by task", "各任务差值"),
    text=Text(
        "Difference from the reference with its interval, task by task.",
        "各任务与参照模型之差及其区间。",
    ),
    leads=True,
)

_SHOWN = 3


def draw(table: Table, canvas: Canvas) -> Drawing | None:
    """Return the picture for the featured variants, or None when none has a difference."""
    rows = [row for row in featured(table, _SHOWN) if any(cell.delta for cell in row.cells.values())]
    if not rows:
        return None
    from matplotlib.figure import Figure

    lines = _lines(table)
    figure = Figure(figsize=(5.2, 0.9 + 0.25 * len(lines) + 0.18 * len(rows)), layout="constrained")
    axes = figure.subplots()
    bare(axes)
    axes.plot([0, 0], [-0.45, len(lines) - 0.4], color=canvas.colour(MUTED), linewidth=0.9, zorder=0)
    for line, (role, column) in enumerate(lines):
        if column is None:
            axes.text(
                -0.015, line, canvas.string(f"role.{role}"), transform=axes.get_yaxis_transform(), ha="right",
                va="center", fontsize=9, fontweight="bold", color=canvas.colour(INK),
            )  # fmt: skip
            continue
        axes.axhline(line, color=canvas.colour(RULE), linewidth=0.6, zorder=0)
        for place, row in enumerate(rows):
            _mark(axes, row, column, line + 0.2 * (place - (len(rows) - 1) / 2), canvas.series(place))
    axes.set_yticks(
        [line for line, (_, column) in enumerate(lines) if column],
        [canvas.named(column.titles) for _, column in lines if column],
    )
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(lines) - 0.4, -0.6 - 0.6 * len(rows))
    axes.set_xlabel(canvas.string("figures.axis_delta"))
    for place, row in enumerate(rows):
        axes.text(
            0.0, -0.45 - 0.62 * (len(rows) - place - 0.5), "● " + canvas.data(row.title, 48), fontsize=9,
            transform=axes.get_yaxis_transform(), color=canvas.series(place), va="center", fontweight="bold",
        )  # fmt: skip
    return Drawing(figure)


def _lines(table: Table) -> list[tuple[str, TaskColumn | None]]:
    """Return the content of each line: a role's heading (no column), then its tasks."""
    lines: list[tuple[str, TaskColumn | None]] = []
    for column in table.columns:
        if not lines or lines[-1][0] != column.role:
            lines.append((column.role, None))
        lines.append((column.role, column))
    return lines


def _mark(axes: Axes, row: BoardRow, column: TaskColumn, y: float, colour: str) -> None:
    delta = row.cells[column.name].delta
    if delta is None:
        return
    if delta.low is not None and delta.high is not None:
        axes.plot([delta.low, delta.high], [y, y], color=colour, linewidth=1.6, zorder=3)
    axes.plot(delta.value, y, "o", color=colour, markersize=4.5, zorder=4)
