"""Gain and forgetting over the steps of a training, measured on a part of each task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.canvas import MUTED, RULE, Canvas, Drawing
from tcmbench.boards.featured import featured
from tcmbench.boards.figures import Caption
from tcmbench.boards.panels import write_names
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tcmbench.boards.table import BoardRow, Table
    from tcmbench.specs.suite import Role

CAPTION = Caption(
    position=55,
    title=Text("Gain and forgetting over the training", "训练过程中的增益与遗忘"),
    text=Text(
        "Checkpoints against the reference on a fixed part of each task, with intervals over the same items; the last "
        "point is the tuned model. The dotted line is the margin: below it too much is forgotten.",
        "各检查点在每个任务的固定部分条目上与参照模型相比，区间基于相同条目；最后一点为调优后的模型。"
        "虚线为允许范围，其下遗忘过多。",
    ),
)

_SHOWN = 5
_PANELS: tuple[tuple[Role, str], ...] = (
    ("in_domain", "figures.title_in_domain"),
    ("held_out", "figures.title_held_out"),
    ("general", "figures.title_general"),
)


def draw(table: Table, canvas: Canvas) -> Drawing | None:
    """Return one panel per role with a figure, or None where no checkpoints were measured."""
    measured = [row for row in featured(table, len(table.rows)) if row.trajectory][:_SHOWN]
    panels = [(role, key) for role, key in _PANELS if any(_points(row, role) for row in measured)]
    if not panels:
        return None
    from matplotlib.figure import Figure

    # One below the other, as the training curves are.
    figure = Figure(figsize=(5.2, 1.9 * len(panels) + 0.2 * len(measured) + 0.3), layout="constrained")
    names, *rest = figure.subplots(
        1 + len(panels), 1, gridspec_kw={"height_ratios": [0.2 * len(measured), *(1.9 for _ in panels)]}
    )
    write_names(names, measured, canvas)
    for axes, (role, key) in zip(rest, panels, strict=True):
        axes.set_title(canvas.string(key), fontsize=10, loc="left", fontweight="bold")
        axes.axhline(0, color=canvas.colour(RULE), linewidth=1, zorder=0)
        if role == "general":
            axes.axhline(-table.policy.margin, color=canvas.colour(MUTED), linewidth=0.9, linestyle=(0, (2, 3)))
        for place, row in enumerate(measured):
            _curve(axes, _points(row, role), colour=canvas.series(place))
        axes.margins(x=0.04, y=0.1)
    rest[-1].set_xlabel(canvas.string("figures.axis_step"))
    return Drawing(figure)


def _points(row: BoardRow, role: Role) -> list[tuple[int, float, float | None, float | None]]:
    """Return step, value and interval of each point; the reference, before the first step, is 0 without one."""
    known = [(point.step, point.of(role)) for point in row.trajectory]
    points = [(step, shown.value, shown.low, shown.high) for step, shown in known if shown is not None]
    return [(0, 0.0, None, None), *points] if points else []


def _curve(axes: Axes, points: list[tuple[int, float, float | None, float | None]], *, colour: str) -> None:
    axes.plot([p[0] for p in points], [p[1] for p in points], color=colour, linewidth=1.3, marker="o", markersize=3.5)
    for step, _, low, high in points:
        if low is not None and high is not None:
            axes.plot([step, step], [low, high], color=colour, linewidth=1, alpha=0.55)
