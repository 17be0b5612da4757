"""What forms lose against the model that they are forms of, over the bytes per document and the time per query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench.boards.canvas import INK, RULE, Canvas, Drawing, place_labels
from tcmbench.boards.figures import Caption
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcmbench.boards.cells import Difference
    from tcmbench.boards.table import BoardRow, Table
    from tcmbench.records.entry import Serving

CAPTION = Caption(
    position=12,
    title=Text("Forms: quality against bytes and time", "部署形式：质量与字节、时间"),
    text=Text(
        "Mean change of each form over all tasks from the model that it is a form of, with its interval, against bytes "
        "per document (left) and milliseconds per query (right). Filled: as good by the rules for forms. The line at 0 "
        "is the model, and the dotted line the margin below it.",
        "各部署形式相对其原模型的全部任务平均变化及区间，横轴为每文档字节数（左）与每次查询毫秒数（右）。实心：按部署形式的规则同样好。"
        "零线为原模型，其下虚线为允许的损失。",
    ),
    wide=True,
)

_FEWEST = 2


class _FormPoint(NamedTuple):
    row: BoardRow

    change: Difference

    cost: Serving


def draw(table: Table, canvas: Canvas) -> Drawing | None:
    """Return the picture, or None when fewer than two forms have a change and measured costs."""
    points = [
        _FormPoint(row, row.form.change, row.cost.serving)
        for row in table.rows
        if row.form is not None
        and row.form.change is not None
        and row.cost is not None
        and row.cost.serving is not None
    ]
    if len(points) < _FEWEST:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.4, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _scatter(left, points, lambda point: float(point.cost.bytes_per_document), table, canvas)
    _scatter(right, points, lambda point: point.cost.query_ms, table, canvas)
    left.set_xlabel(canvas.string("figures.axis_bytes"))
    right.set_xlabel(canvas.string("figures.axis_query"))
    left.set_ylabel(canvas.string("figures.axis_from_model"))
    return Drawing(figure)


def _scatter(
    axes: Any, points: Sequence[_FormPoint], place: Callable[[_FormPoint], float], table: Table, canvas: Canvas
) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    axes.axhline(0, color=canvas.colour(RULE), linewidth=1, zorder=0)
    axes.axhline(-table.form_policy.margin, color=canvas.colour(RULE), linewidth=1, linestyle=":", zorder=0)
    for point in points:
        at, change = place(point), point.change
        colour = canvas.series(0)
        if change.low is not None and change.high is not None:
            axes.plot([at, at], [change.low, change.high], color=colour, linewidth=1, alpha=0.5)
        is_good = point.row.form is not None and point.row.form.gate.passed
        axes.plot(at, change.value, "o", color=colour, markerfacecolor=colour if is_good else "none", zorder=4)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.margins(0.12)
    ranked = sorted(points, key=lambda point: -point.change.value)
    place_labels(axes, [(place(p), p.change.value, canvas.data(p.row.title), canvas.colour(INK)) for p in ranked])
