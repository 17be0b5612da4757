"""The pairs of documents that a model confuses most often, against the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.canvas import INK, MUTED, RULE, Canvas, Drawing, bare, cut
from tcmbench.boards.featured import featured
from tcmbench.boards.figures import Caption
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from tcmbench.boards.table import Table

CAPTION = Caption(
    position=40,
    title=Text("Most confused", "最易混淆"),
    text=Text(
        "Documents ranked first instead of the gold one, with counts; the reference as a ring.",
        "排在首位而取代正确文档者及其次数：实点为该模型，圆环为参照模型。",
    ),
)

_LONGEST = 19
"""Width of a name, in small letters."""


def draw(table: Table, canvas: Canvas) -> Drawing | None:
    """Return the picture for the first featured model and in-domain task with confusions, or None without any."""
    row, column = next(
        (
            (row, column)
            for row in [*featured(table, 1), table.row(table.reference)]
            for column in table.columns
            if column.role == "in_domain" and row.cells[column.name].confusions
        ),
        (None, None),
    )
    if row is None or column is None:
        return None
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    pairs = row.cells[column.name].confusions
    figure = Figure(figsize=(5.2, 1.0 + 0.27 * len(pairs)), layout="constrained")
    axes = figure.subplots()
    bare(axes)
    for line, pair in enumerate(pairs):
        axes.axhline(line, color=canvas.colour(RULE), linewidth=0.6, zorder=0)
        axes.plot([pair.reference_times, pair.times], [line, line], color=canvas.colour(MUTED), linewidth=1.4, zorder=1)
        if not row.is_reference:
            axes.plot(
                pair.reference_times, line, "o", color=canvas.colour(MUTED), markersize=7, fillstyle="none", zorder=2
            )
        axes.plot(pair.times, line, "o", color=canvas.series(0), markersize=5, zorder=3)
    labels = [f"{cut(pair.gold, _LONGEST)} → {cut(pair.found, _LONGEST)}" for pair in pairs]
    axes.set_yticks(range(len(pairs)), [canvas.data(label, 2 * _LONGEST + 4) for label in labels])
    axes.tick_params(axis="y", length=0, labelcolor=canvas.colour(INK))
    axes.set_ylim(len(pairs) - 0.4, -1.9)
    compared = [("● ", row, canvas.series(0))]
    compared += [] if row.is_reference else [("○ ", table.row(table.reference), canvas.colour(MUTED))]
    for place, (mark, model, colour) in enumerate(compared):
        axes.text(
            0.0, -1.45 + 0.7 * place, mark + canvas.data(model.title, 40), transform=axes.get_yaxis_transform(),
            fontsize=9, color=colour, va="center", fontweight="bold",
        )  # fmt: skip
    axes.set_xlim(left=-0.15)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.margins(x=0.06)
    axes.set_xlabel(canvas.string("figures.axis_times"))
    return Drawing(figure, subject=Text(*(f"{row.title} · {title}" for title in column.titles)))
