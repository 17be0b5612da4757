"""What a site shows of a board: the figures of its answer, and gain against forgetting in the space of a stamp."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards.cells import Difference, ShownEstimate
from tcmbench.text.numbers import digits_of, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.boards.table import BoardRow, Table
    from tcmbench.records.search import Change

WIDTH, HEIGHT = 220.0, 128.0
"""Size of the picture, in its own units."""

_AROUND = 0.1
"""Room around the points, as a share of their range."""


class CardFigure(NamedTuple):
    """A figure with its interval."""

    key: str
    """Its name among the strings of the answer."""

    value: str
    interval: str
    """Empty where there is none."""

    verdict: str
    """Verdict on a difference: improved and regressed are significant; empty for others."""


class Dot(NamedTuple):
    """A variant in the picture."""

    x: float
    y: float
    left: float
    """Ends of its intervals; its own place where there is none."""

    right: float
    upper: float
    lower: float
    title: str
    kind: str
    """answer, front or other."""


class Stamp(NamedTuple):
    """Gain (upwards) against backward transfer (to the right)."""

    dots: tuple[Dot, ...]
    zero: tuple[float, float]
    """Place of the reference."""

    margin: float
    """Left of it too much is forgotten."""


def figures(table: Table) -> list[CardFigure]:
    """Return the figures of the answer: a variant's changes, a base's mean; of a search the confirmed changes."""
    answer = table.recommendation
    if table.search is not None:
        new = table.search.confirmation
        return (
            [] if new is None else _changes({"in_domain": new.gain, "held_out": new.held_out, "general": new.general})
        )
    if answer.row is None:
        return []
    row = table.row(answer.row)
    if row.kind != "variant":
        return [] if row.mean is None else [CardFigure("mean", f"{row.mean:.1f}", "", "")]
    sums = row.aggregates
    return _changes({"in_domain": sums.in_domain, "held_out": sums.held_out, "general": sums.general})


def _changes(changes: dict[str, Difference | Change | None]) -> list[CardFigure]:
    return [_figure(key, change) for key, change in changes.items() if change is not None]


def _figure(key: str, change: Difference | Change) -> CardFigure:
    verdict = (change.verdict or "") if isinstance(change, Difference) else ""
    if change.low is None or change.high is None:
        return CardFigure(key, signed(change.value), "", verdict)
    digits = digits_of(change.value, change.low, change.high)
    interval = f"[{signed(change.low, digits)}, {signed(change.high, digits)}]"
    return CardFigure(key, signed(change.value, digits), interval, verdict)


def picture(table: Table) -> Stamp | None:
    """Return the picture, None where no variant has both figures.

    That of a search is left out: its variants were selected by these figures, which are too large therefore.
    """
    points = [
        (row, row.aggregates.general, row.aggregates.gain)
        for row in table.rows
        if row.kind == "variant" and row.aggregates.general is not None and row.aggregates.gain is not None
    ]
    if not points or table.search is not None:
        return None
    across = _Axis([0.0, -table.policy.margin, *(g.value for _, g, _ in points)], WIDTH)
    up = _Axis([0.0, *(y.value for _, _, y in points)], HEIGHT)
    # The answer is drawn last, above the others.
    dots = [_dot(row, g, y, across=across, up=up, answer=table.recommendation.row) for row, g, y in points]
    dots.sort(key=lambda dot: dot.kind == "answer")
    return Stamp(tuple(dots), (across.at(0.0), HEIGHT - up.at(0.0)), across.at(-table.policy.margin))


class _Axis:
    """From points to the units of the picture."""

    def __init__(self, values: Sequence[float], length: float) -> None:
        room = _AROUND * (max(values) - min(values)) or 1.0
        self._low, self._high, self._length = min(values) - room, max(values) + room, length

    def at(self, value: float) -> float:
        """Return the place of a value, which is in the picture."""
        place = (value - self._low) / (self._high - self._low) * self._length
        return min(max(place, 0.0), self._length)


def _dot(row: BoardRow, general: Difference, gain: Difference, *, across: _Axis, up: _Axis, answer: str | None) -> Dot:
    left, right = (across.at(end) for end in _ends(general))
    lower, upper = (HEIGHT - up.at(end) for end in _ends(gain))
    return Dot(
        x=across.at(general.value), y=HEIGHT - up.at(gain.value), left=left, right=right, upper=upper, lower=lower,
        title=f"{row.title}: {signed(gain.value, gain.digits)} / {signed(general.value, general.digits)}",
        kind="answer" if row.name == answer else "front" if row.aggregates.on_front else "other",
    )  # fmt: skip


def _ends(estimate: ShownEstimate) -> tuple[float, float]:
    if estimate.low is None or estimate.high is None:
        return estimate.value, estimate.value
    return estimate.low, estimate.high
