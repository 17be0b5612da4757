"""`history.html`: a set's results over time as a self-contained page, without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards import assets
from tcmbench.comparison.shown import change
from tcmbench.history import texts
from tcmbench.specs.suite import ROLES

if TYPE_CHECKING:
    from tcmbench.history.view import SetHistory

FILE = "history.html"
_WIDTH, _HEIGHT, _EDGE = 960.0, 260.0, 34.0


class Curve(NamedTuple):
    """The mean of a role over the states, as places on the drawing."""

    role: str
    colour: str
    """Variable of the style sheet."""

    points: tuple[tuple[float, float, str], ...]
    """x, y and the text of each."""


def to_html(history: SetHistory) -> str:
    """Return the page; the same history gives the same bytes."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(assets.TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    roles = texts.roles_of(history.steps)
    low, high = _range(history)
    return environment.get_template("history.html.j2").render(
        history=history,
        roles=roles,
        lines=[(texts.line(step, roles), step) for step in history.steps],
        changed=[step for step in reversed(history.steps) if step.is_changed],
        said=texts.said,
        culprit=texts.culprit,
        cells=texts.column_cells,
        change=change,
        curves=_curves(history, low=low, high=high),
        width=_WIDTH,
        height=_HEIGHT,
        edge=_EDGE,
        low=low,
        high=high,
        css=Markup(assets.style("board.css")),  # noqa: S704 - our own text, not data
    )


def _range(history: SetHistory) -> tuple[float, float]:
    """Return the lowest and the highest mean, a little apart where they are equal."""
    means = [mean for step in history.steps for mean in step.means.values()] or [0.0]
    low, high = min(means), max(means)
    return (low, high) if high - low >= 1 else (low - 0.5, high + 0.5)


def _curves(history: SetHistory, *, low: float, high: float) -> list[Curve]:
    across = max(1, len(history.steps) - 1)

    def point(place: int, mean: float) -> tuple[float, float, str]:
        x = _EDGE + (_WIDTH - 2 * _EDGE) * place / across
        y = _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * (mean - low) / (high - low)
        step = history.steps[place]
        return round(x, 1), round(y, 1), f"{step.state.time} {step.row}: {mean:.2f}"

    return [
        Curve(
            role, f"--c{number}", tuple(point(n, s.means[role]) for n, s in enumerate(history.steps) if role in s.means)
        )
        for number, role in enumerate(ROLES)
        if any(role in step.means for step in history.steps)
    ]
