"""Gain of the trials of a search in their order, and the best so far of those that pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.canvas import RULE, Canvas, Drawing
from tcmbench.boards.figures import Caption
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from tcmbench.boards.table import Table

CAPTION = Caption(
    position=6,
    title=Text("Course of the search", "搜索过程"),
    text=Text(
        "Gain of each trial on the selection half; those that pass the gate are filled. The line is the largest gain "
        "so far of those that pass. A line that still rises at the end calls for more trials.",
        "各试验在选择半上的增益，通过门禁者为实心。折线为迄今通过者中的最大增益；若末尾仍在上升，宜增加试验。",
    ),
)

_FEWEST = 2


def draw(table: Table, canvas: Canvas) -> Drawing | None:
    """Return the picture, or None on a board without a search, or with fewer than two measured trials."""
    search = table.search
    trials = [t for t in search.trials if t.selection and t.selection.gain] if search else []
    if len(trials) < _FEWEST:
        return None
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color=canvas.colour(RULE), linewidth=1, zorder=0)
    steps: list[tuple[int, float]] = []
    for trial in trials:
        gain = trial.selection.gain.value if trial.selection and trial.selection.gain else 0.0
        passes = trial.state == "passed"
        colour = canvas.series(0 if passes else 6)
        axes.plot(trial.number, gain, "o", color=colour, markerfacecolor=colour if passes else "none", markersize=5)
        if passes and (not steps or gain > steps[-1][1]):
            steps.append((trial.number, gain))
    if steps:
        steps.append((trials[-1].number, steps[-1][1]))
        axes.step(*zip(*steps, strict=True), where="post", color=canvas.series(2), linewidth=1.4, zorder=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(canvas.string("figures.axis_trial"))
    axes.set_ylabel(canvas.string("figures.axis_gain"))
    axes.margins(0.08)
    return Drawing(figure)
