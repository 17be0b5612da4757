"""Differences by slice of the in-domain tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.canvas import INK, MUTED, RULE, Canvas, Drawing, bare
from tcmbench.boards.featured import featured
from tcmbench.boards.figures import Caption
from tcmbench.boards.texts import Text, slice_name
from tcmbench.comparison.reference import FEWEST_CLUSTERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tcmbench.boards.table import BoardRow, Table, TaskColumn

CAPTION = Caption(
    position=30,
    title=Text("Where the gain comes from", "增益来自何处"),
    text=Text(
        f"Mean difference by slice, with its interval where it has at least {FEWEST_CLUSTERS} independent items "
        "(patients): with fewer, intervals would be too narrow. "
        "Head labels are the most frequent ones with half of the items, mid the next up to 80%, "
        "tail the rest.",
        f"按分组的平均差值；至少有 {FEWEST_CLUSTERS} 个独立条目（患者）时附区间，更少则区间过窄，故不给出。"
        "高频标签为合计占一半条目的最常见标签，中频为其后至 80% 者，低频为其余。",
    ),
)

_SHOWN = 3
_PARTS = 7


def draw(table: Table, canvas: Canvas) -> Drawing | None:
    """Return the picture for the first in-domain task with slices, or None when there is none."""
    rows = featured(table, _SHOWN)
    column = next(
        (c for c in table.columns if c.role == "in_domain" and any(r.cells[c.name].slices for r in rows)), None
    )
    if column is None:
        return None
    rows = [row for row in rows if row.cells[column.name].slices]
    from matplotlib.figure import Figure

    lines = _lines(column)
    figure = Figure(figsize=(5.2, 0.9 + 0.3 * len(lines) + 0.18 * len(rows)), layout="constrained")
    axes = figure.subplots()
    bare(axes)
    axes.plot([0, 0], [-0.45, len(lines) - 0.4], color=canvas.colour(MUTED), linewidth=0.9, zorder=0)
    for line, (slicing, part) in enumerate(lines):
        if not part:
            axes.text(
                -0.015, line, canvas.named(slice_name(slicing)), transform=axes.get_yaxis_transform(), ha="right",
                va="center", fontsize=9, fontweight="bold", color=canvas.colour(INK),
            )  # fmt: skip
            continue
        axes.axhline(line, color=canvas.colour(RULE), linewidth=0.6, zorder=0)
        for place, row in enumerate(rows):
            _mark(axes, row, column, slicing, part, line + 0.2 * (place - (len(rows) - 1) / 2), canvas.series(place))
    axes.set_yticks(
        [line for line, (_, part) in enumerate(lines) if part],
        [
            canvas.named(slice_name(part), f" ({column.slice_sizes[slicing][part]:,})")
            for slicing, part in lines
            if part
        ],
    )
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(lines) - 0.4, -0.6 - 0.6 * len(rows))
    axes.set_xlabel(canvas.string("figures.axis_delta"))
    for place, row in enumerate(rows):
        axes.text(
            0.0, -0.45 - 0.62 * (len(rows) - place - 0.5), "● " + canvas.data(row.title, 48), fontsize=9,
            transform=axes.get_yaxis_transform(), color=canvas.series(place), va="center", fontweight="bold",
        )  # fmt: skip
    return Drawing(figure, subject=column.titles)


def _lines(column: TaskColumn) -> list[tuple[str, str]]:
    """Return the content of each line: a slicing's heading (no part), then its largest parts."""
    lines = []
    for slicing, sizes in column.slice_sizes.items():
        lines.append((slicing, ""))
        lines += [(slicing, part) for part in list(sizes)[:_PARTS]]
    return lines


def _mark(axes: Axes, row: BoardRow, column: TaskColumn, slicing: str, part: str, y: float, colour: str) -> None:
    estimate = row.cells[column.name].slices[slicing].get(part)
    if estimate is None:
        return
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [y, y], color=colour, linewidth=1.6, zorder=3)
    axes.plot(estimate.value, y, "o", color=colour, markersize=4.5, zorder=4)
