"""Gain against backward transfer, with the Pareto front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.canvas import INK, MUTED, RULE, Canvas, Drawing, place_labels
from tcmbench.boards.figures import Caption
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tcmbench.boards.cells import ShownEstimate
    from tcmbench.boards.table import BoardRow, Table

CAPTION = Caption(
    position=10,
    title=Text("Gain against forgetting", "增益与遗忘"),
    text=Text(
        "Each point is a variant with its intervals, the diamond is the reference. The line "
        "joins those that no other variant exceeds on both; of more than 12, only these show intervals. "
        "The dotted line is the margin: left of it too much is forgotten. Up and to the right is better.",
        "每点为一个变体及其区间，菱形为参照模型。折线连接未被其他变体同时超越者；"
        "超过 12 个变体时仅这些显示区间。"
        "虚线为允许范围，其左侧遗忘过多。越靠右上越好。",
    ),
    leads=True,
)

_LABELLED = 12


def draw(table: Table, canvas: Canvas) -> Drawing | None:
    """Return the picture, or None when no variant has both figures."""
    points = [
        (row, general, gained)
        for row in table.rows
        if row.kind == "variant"
        and (general := row.aggregates.general) is not None
        and (gained := row.aggregates.gain) is not None
    ]
    if not points:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.7), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color=canvas.colour(RULE), linewidth=1, zorder=0)
    axes.axvline(0, color=canvas.colour(RULE), linewidth=1, zorder=0)
    axes.axvline(-table.policy.margin, color=canvas.colour(MUTED), linewidth=0.9, linestyle=(0, (2, 3)), zorder=0)
    front = sorted((g.value, y.value) for row, g, y in points if row.aggregates.on_front)
    if len(front) > 1:
        axes.plot(*zip(*front, strict=True), color=canvas.series(2), linewidth=1.4, alpha=0.8, zorder=2)
    crowded = len(points) > _LABELLED
    for row, general, gained in points:
        colour = _colour(row, table, canvas)
        if not crowded or row.aggregates.on_front:
            _whiskers(axes, general, gained, colour)
        size = 7.5 if row.name == table.recommendation.row else 5.5
        axes.plot(general.value, gained.value, "o", color=colour, markersize=size, zorder=4)
    axes.plot(0, 0, "D", color=canvas.colour(INK), markersize=5, zorder=4)
    axes.set_xlabel(canvas.string("figures.axis_general"))
    axes.set_ylabel(canvas.string("figures.axis_gain"))
    axes.margins(0.12)
    labelled = [p for p in points if not crowded or p[0].aggregates.on_front or p[0].name == table.recommendation.row]
    labelled.sort(key=lambda p: (p[0].name != table.recommendation.row, not p[0].aggregates.on_front))
    labels = [
        (general.value, gained.value, canvas.data(row.title), canvas.colour(INK))
        for row, general, gained in labelled[:_LABELLED]
    ]
    labels.append((0.0, 0.0, canvas.data(table.row(table.reference).title), canvas.colour(MUTED)))
    place_labels(axes, labels)
    return Drawing(figure)


def _colour(row: BoardRow, table: Table, canvas: Canvas) -> str:
    if row.name == table.recommendation.row and table.recommendation.outcome == "ship":
        return canvas.series(2)
    return canvas.series(0 if row.aggregates.on_front else 6)


def _whiskers(axes: Axes, general: ShownEstimate, gained: ShownEstimate, colour: str) -> None:
    if general.low is not None and general.high is not None:
        axes.plot([general.low, general.high], [gained.value] * 2, color=colour, linewidth=1, alpha=0.55, zorder=3)
    if gained.low is not None and gained.high is not None:
        axes.plot([general.value] * 2, [gained.low, gained.high], color=colour, linewidth=1, alpha=0.55, zorder=3)
