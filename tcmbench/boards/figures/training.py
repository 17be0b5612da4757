"""Training curves: loss, margin and learning rate, seeds overlaid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.canvas import Canvas, Drawing
from tcmbench.boards.featured import featured
from tcmbench.boards.figures import Caption
from tcmbench.boards.panels import write_names
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow, Table
    from tcmbench.records.entry import TrainingPoint

CAPTION = Caption(
    position=60,
    title=Text("Training curves", "训练曲线"),
    text=Text(
        "Loss, margin between positive and negatives, and learning rate; seeds overlaid.",
        "损失、正负样本间隔与学习率；各种子叠加。",
    ),
)

_SHOWN = 5
_POINTS = 360
"""Points in a panel, shared by its curves: a large board's picture must not outweigh its table."""
_SERIES = (("loss", "figures.axis_loss"), ("margin", "figures.axis_margin"), ("learning_rate", "figures.axis_rate"))


def draw(table: Table, canvas: Canvas) -> Drawing | None:
    """Return one panel per series that was logged, or None when nothing was."""
    rows = [row for row in featured(table, _SHOWN) if any(row.training.values())]
    series = [(name, key) for name, key in _SERIES if any(_curves(row, name) for row in rows)]
    if not series:
        return None
    from matplotlib.figure import Figure

    limit = max(12, min(40, _POINTS // sum(len(row.training) for row in rows)))
    # One below the other: three side by side are too small to read on a phone.
    figure = Figure(figsize=(5.2, 1.9 * len(series) + 0.2 * len(rows) + 0.3), layout="constrained")
    names, *panels = figure.subplots(
        1 + len(series), 1, gridspec_kw={"height_ratios": [0.2 * len(rows), *(1.9 for _ in series)]}
    )
    write_names(names, rows, canvas)
    for axes, (name, key) in zip(panels, series, strict=True):
        axes.set_title(canvas.string(key), fontsize=10, loc="left", fontweight="bold")
        for place, row in enumerate(rows):
            for xs, ys in _curves(row, name, limit=limit):
                axes.plot(xs, ys, color=canvas.series(place), linewidth=1.1, alpha=0.75)
        axes.margins(x=0.02)
        if name == "learning_rate":
            axes.ticklabel_format(axis="y", style="plain")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.2g}".replace("e-0", "e-"))
    panels[-1].set_xlabel(canvas.string("figures.axis_step"))
    return Drawing(figure)


def _curves(row: BoardRow, name: str, *, limit: int = 2) -> list[tuple[list[int], list[float]]]:
    curves = []
    for _, points in sorted(row.training.items()):
        known = [(point.step, value) for point in points if (value := _value(point, name)) is not None]
        if len(known) > limit:
            places = sorted({round(i * (len(known) - 1) / (limit - 1)) for i in range(limit)})
            known = [known[place] for place in places]
        if known:
            curves.append(([step for step, _ in known], [value for _, value in known]))
    return curves


def _value(point: TrainingPoint, name: str) -> float | None:
    return {"loss": point.loss, "margin": point.margin, "learning_rate": point.learning_rate}[name]
