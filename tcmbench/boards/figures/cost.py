"""Gain against the time of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.canvas import INK, RULE, Canvas, Drawing, place_labels
from tcmbench.boards.figures import Caption
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from tcmbench.boards.table import Table

CAPTION = Caption(
    position=50,
    title=Text("Gain against cost", "增益与成本"),
    text=Text(
        "Gain of each variant against the wall time of one training.",
        "各变体的增益与单次训练用时。",
    ),
)

_LABELLED = 10
_FEWEST = 2
_LOG_FROM = 8
"""Ratio of the longest to the shortest time from which the axis is logarithmic: it then has at least two numbers."""


def draw(table: Table, canvas: Canvas) -> Drawing | None:
    """Return the picture, or None when fewer than two variants have a recorded time and a gain."""
    points = [
        (row, row.cost.train_seconds / 60, gained)
        for row in table.rows
        if row.kind == "variant"
        and row.cost is not None
        and row.cost.train_seconds
        and (gained := row.aggregates.gain) is not None
    ]
    if len(points) < _FEWEST:
        return None
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color=canvas.colour(RULE), linewidth=1, zorder=0)
    for row, minutes, gained in points:
        chosen = row.name == table.recommendation.row
        colour = canvas.series(2 if chosen else 0)
        if gained.low is not None and gained.high is not None:
            axes.plot([minutes] * 2, [gained.low, gained.high], color=colour, linewidth=1, alpha=0.5)
        axes.plot(minutes, gained.value, "o", color=colour, markersize=7 if chosen else 5.5, zorder=4)
    times = [minutes for _, minutes, _ in points]
    if max(times) > _LOG_FROM * min(times):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel(canvas.string("figures.axis_time"))
    axes.set_ylabel(canvas.string("figures.axis_gain"))
    axes.margins(0.12)
    ranked = sorted(points, key=lambda p: (p[0].name != table.recommendation.row, -p[2].value))
    labels = [(m, g.value, canvas.data(row.title), canvas.colour(INK)) for row, m, g in ranked[:_LABELLED]]
    place_labels(axes, labels)
    return Drawing(figure)
