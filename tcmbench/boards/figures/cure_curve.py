"""Gain against backward transfer of cures: from the base, over the shares of the tuned weights, to the tuned model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench import cures
from tcmbench.boards.canvas import INK, MUTED, RULE, Canvas, Drawing, place_labels
from tcmbench.boards.figures import Caption
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from tcmbench.boards.cells import Difference
    from tcmbench.boards.table import BoardRow, Table

CAPTION = Caption(
    position=8,
    title=Text("Cures for forgetting", "遗忘的治疗"),
    text=Text(
        "A curve leads from the base (diamond) to a tuned model (large point), through the models whose weights lie "
        "between both; numbers are the shares of the tuned weights; a second kind of interpolation is a broken line. "
        "Squares are other cures. Crosses show intervals of the recommended model and, on boards of few models, of "
        "all. The dotted line is the margin: left of it too much is forgotten. Up and to the right is better.",
        "曲线自基座（菱形）经权重位于两者之间的模型到达微调模型（大点）；数字为微调权重所占比例，第二种插值方式以虚线表示。"
        "方块为其他治疗。十字为推荐模型的区间，模型较少时显示全部区间。虚线为允许范围，其左侧遗忘过多。越靠右上越好。",
    ),
    leads=True,
)

_FEW = 8
"""Models up to which all have their intervals."""

_CURVES = 6
"""Curves in one picture: as many colours can be told apart beside the reference's."""


class _Point(NamedTuple):
    row: BoardRow
    general: Difference
    gain: Difference


class _Curve(NamedTuple):
    tuned: _Point
    between: Mapping[tuple[str, str], list[tuple[float, _Point]]]
    """Cure, and how it takes seeds → share of the tuned weights and point, ascending."""

    others: tuple[_Point, ...]
    """Other cures of the same variant."""


def draw(table: Table, canvas: Canvas) -> Drawing | None:
    """Return the picture, or None when no variant has a cure, or none has both figures."""
    curves = _curves(table)
    if not curves:
        return None
    from matplotlib.figure import Figure

    shown = curves[:_CURVES]
    figure = Figure(figsize=(5.2, 4.1), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color=canvas.colour(RULE), linewidth=1, zorder=0)
    axes.axvline(0, color=canvas.colour(RULE), linewidth=1, zorder=0)
    axes.axvline(-table.policy.margin, color=canvas.colour(MUTED), linewidth=0.9, linestyle=(0, (2, 3)), zorder=0)
    points = sum(1 + sum(map(len, curve.between.values())) + len(curve.others) for curve in shown)
    for place, curve in enumerate(shown):
        _draw_curve(axes, curve, table, colour=canvas.series(place), is_few=points <= _FEW)
    axes.plot(0, 0, "D", color=canvas.colour(INK), markersize=5, zorder=5)
    axes.set_xlabel(canvas.string("figures.axis_general"))
    axes.set_ylabel(canvas.string("figures.axis_gain"))
    axes.margins(0.14)
    place_labels(axes, [*_names(shown, table, canvas), *_shares(shown, canvas)], size=8.5)
    return Drawing(figure, _subject(curves))


def _curves(table: Table) -> list[_Curve]:
    """Return the variants with cures, in the order of the table."""
    curves = []
    for row in table.rows:
        tuned = _point(row)
        made = [
            p for other in table.rows if other.cure and other.cure.untreated == (row.name,) and (p := _point(other))
        ]
        if tuned is None or not made:
            continue
        between: dict[tuple[str, str], list[tuple[float, _Point]]] = {}
        others = []
        for point in sorted(made, key=lambda point: (_share(point.row, tuned.row) or 0.0, point.row.name)):
            share = _share(point.row, tuned.row)
            # The base is the origin only where it is the reference.
            if share is None or row.base != table.reference:
                others.append(point)
            else:
                recipe = point.row.recipe
                between.setdefault((str(recipe.get("cure")), str(recipe.get("seeds"))), []).append((share, point))
        curves.append(_Curve(tuned, between, tuple(others)))
    return curves


def _point(row: BoardRow) -> _Point | None:
    sums = row.aggregates
    return _Point(row, sums.general, sums.gain) if sums.general is not None and sums.gain is not None else None


def _share(row: BoardRow, tuned: BoardRow) -> float | None:
    """Return the share of the tuned weights in a model between base and tuned model; None for other cures."""
    if row.cure is None or row.cure.of != (tuned.name,):
        return None
    plugin = cures.of_recipe(row.recipe)
    if plugin is None or not hasattr(plugin.module, "share"):
        return None
    share = plugin.module.share(is_together=row.recipe.get("seeds") == "together", options=plugin.options)
    return share if share is not None and 0 < share < 1 else None


def _draw_curve(axes: Axes, curve: _Curve, table: Table, *, colour: str, is_few: bool) -> None:
    for place, points in enumerate(curve.between.values()):
        path = [(0.0, 0.0), *((p.general.value, p.gain.value) for _, p in points)]
        path.append((curve.tuned.general.value, curve.tuned.gain.value))
        style = ("-", "--", ":", "-.")[place % 4]
        axes.plot(*zip(*path, strict=True), color=colour, linestyle=style, linewidth=1.5, alpha=0.8, zorder=2)
    marked = [
        (curve.tuned, "o", 7.5),
        *((p, "o", 4.0) for points in curve.between.values() for _, p in points),
        *((p, "s", 4.0) for p in curve.others),
    ]
    for point, mark, size in marked:
        is_chosen = point.row.name == table.recommendation.row
        if is_few or is_chosen:
            _whiskers(axes, point, colour)
        size += 2.5 * is_chosen
        axes.plot(point.general.value, point.gain.value, mark, color=colour, markersize=size, zorder=4)


def _whiskers(axes: Axes, point: _Point, colour: str) -> None:
    for ends, is_general in ((point.general, True), (point.gain, False)):
        if ends.low is None or ends.high is None:
            continue
        along, across = [ends.low, ends.high], [point.gain.value if is_general else point.general.value] * 2
        line = (along, across) if is_general else (across, along)
        axes.plot(*line, color=colour, linewidth=0.9, alpha=0.45, zorder=3)


def _names(curves: list[_Curve], table: Table, canvas: Canvas) -> list[tuple[float, float, str, str]]:
    """Return the labels of the base, the tuned models and the cures beside the curves."""
    names = [
        (p.general.value, p.gain.value, canvas.data(p.row.title, 22), canvas.series(place))
        for place, curve in enumerate(curves)
        for p in (curve.tuned, *curve.others)
    ]
    return [*names, (0.0, 0.0, canvas.data(table.row(table.reference).title, 22), canvas.colour(MUTED))]


def _shares(curves: list[_Curve], canvas: Canvas) -> list[tuple[float, float, str, str]]:
    """Return the shares on the curves."""
    return [
        (p.general.value, p.gain.value, canvas.data(f"{share:g}"), canvas.series(place))
        for place, curve in enumerate(curves)
        for points in curve.between.values()
        for share, p in points
    ]


def _subject(curves: list[_Curve]) -> Text:
    if len(curves) <= _CURVES:
        return Text("", "")
    names = ", ".join(curve.tuned.row.title for curve in curves[:_CURVES])
    return Text(names, names)
