"""Which variant ships: one rule, stated on the board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.table import Recommendation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcmbench.boards.table import Estimate, Row


def recommend(rows: Sequence[Row], *, tied: Callable[[str, str], bool]) -> Recommendation:
    """Return the answer of the first screen.

    A variant may ship when it passes the gate. Of those that do, the one with the largest gain is named; its gain is
    that over the in_domain tasks, or over the held_out tasks in a suite that has no in_domain ones. Variants that
    pass too and whose gain can't be told apart from the first's are ties.

    Args:
        rows: All rows, in any order.
        tied: Whether the gains of two rows, by name, can't be told apart.
    """
    variants = [row for row in rows if row.kind == "variant"]
    if not variants:
        return Recommendation("no_variants", row=_best_model(rows))
    whole = [row for row in variants if row.complete and gain(row) is not None]
    if not whole:
        return Recommendation("incomplete")
    ranked = sorted(whole, key=lambda row: (-_value(gain(row)), row.name))
    safe = [row for row in ranked if row.gate is not None and row.gate.outcome == "pass"]
    if not safe:
        gaining = [row for row in ranked if _lower(gain(row)) > 0]
        return Recommendation("none_safe" if gaining else "no_gain", row=(gaining or ranked)[0].name)
    ties = tuple(row.name for row in safe[1:] if tied(safe[0].name, row.name))
    return Recommendation("ship", row=safe[0].name, ties=ties)


def gain(row: Row) -> Estimate | None:
    """Return the gain that counts: in_domain, or held_out where a suite has no in_domain tasks."""
    return row.aggregates.in_domain or row.aggregates.held_out


def _best_model(rows: Sequence[Row]) -> str | None:
    means = []
    for row in rows:
        values = [cell.score.value for cell in row.cells.values() if cell.score is not None]
        if values and row.complete:
            means.append((-sum(values) / len(values), row.name))
    return min(means)[1] if means else None


def _lower(estimate: Estimate | None) -> float:
    """Return the surely reached value; a figure without an interval stands for itself."""
    if estimate is None:
        return float("-inf")
    return estimate.value if estimate.low is None else estimate.low


def _value(estimate: Estimate | None) -> float:
    return float("-inf") if estimate is None else estimate.value
