"""Trials of a search on the selection half: gain against the bound of forgetting that the gate compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.canvas import INK, MUTED, RULE, Canvas, Drawing, place_labels
from tcmbench.boards.figures import Caption
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from tcmbench.boards.table import Table

CAPTION = Caption(
    position=5,
    title=Text("Trials of the search", "搜索的试验"),
    text=Text(
        "Each point is a recipe on the selection half; those that pass the gate are filled. Left of the dotted line, a "
        "loss beyond the margin is not ruled out. The line leads from the selected recipe to the same on the "
        "confirmation half.",
        "每点为一个配方在选择半上的结果，通过门禁者为实心。虚线左侧不能排除超出允许范围的损失。"
        "线段由选出的配方指向其在确认半上的结果。",
    ),
    leads=True,
)


def draw(table: Table, canvas: Canvas) -> Drawing | None:
    """Return the picture, or None on a board without a search, or without a trial that has both figures."""
    search = table.search
    if search is None:
        return None
    points = [
        (trial, trial.selection.general.low, trial.selection.gain.value)
        for trial in search.trials
        if trial.selection and trial.selection.general and trial.selection.gain
    ]
    if not points:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.7), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color=canvas.colour(RULE), linewidth=1, zorder=0)
    axes.axvline(-search.margin, color=canvas.colour(MUTED), linewidth=0.9, linestyle=(0, (2, 3)), zorder=0)
    for trial, bound, gain in points:
        is_winner = trial.number == search.winner
        colour = canvas.series(2 if is_winner else 0 if trial.state == "passed" else 6)
        fill = colour if trial.state == "passed" else "none"
        axes.plot(bound, gain, "o", color=colour, markerfacecolor=fill, markersize=7.5 if is_winner else 5, zorder=4)
    labels = [
        (bound, gain, canvas.data(trial.name), canvas.colour(INK))
        for trial, bound, gain in points
        if search.selected is not None and trial.number == search.selected.number
    ]
    after = search.confirmation
    if labels and after and after.general and after.gain:
        bound, gain = labels[0][:2]
        axes.plot([bound, after.general.low], [gain, after.gain.value], color=canvas.series(2), linewidth=1.2, zorder=3)
        axes.plot(after.general.low, after.gain.value, "D", color=canvas.series(2), markersize=5.5, zorder=5)
        labels.append((after.general.low, after.gain.value, canvas.string("figures.confirmed"), canvas.colour(INK)))
    axes.set_xlabel(canvas.string("figures.axis_bound"))
    axes.set_ylabel(canvas.string("figures.axis_gain"))
    axes.margins(0.12)
    place_labels(axes, labels)
    return Drawing(figure)
