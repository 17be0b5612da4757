"""Which variant ships: one rule, stated on the board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.table import Recommendation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcmbench.boards.table import BoardRow, ShownEstimate


def recommend(rows: Sequence[BoardRow], *, tied: Callable[[str, str], bool]) -> Recommendation:
    """Return the answer of the first screen.

    A variant may ship when it passes the gate. Of those that do, the largest gain is chosen; a gain over
    a part of the tasks, where a model can't do the others, comes after those over all. Variants that pass, too, and
    whose gain isn't significantly different from the first's are ties.

    Args:
        rows: All rows, in any order.
        tied: Whether the gains of two rows, by name, are not significantly different.
    """
    variants = [row for row in rows if row.kind == "variant"]
    if not variants:
        _, means = common_means(rows)
        if not means:
            return Recommendation("incomplete")
        return Recommendation("no_variants", row=min(means, key=lambda name: (-means[name], name)))
    whole = [row for row in variants if row.complete and row.aggregates.gain is not None]
    if not whole:
        return Recommendation("incomplete")
    ranked = sorted(whole, key=lambda row: (row.aggregates.gain_is_partial, -_value(row.aggregates.gain), row.name))
    safe = [row for row in ranked if row.gate is not None and row.gate.outcome == "pass"]
    if not safe:
        gaining = [row for row in ranked if _lower(row.aggregates.gain) > 0]
        return Recommendation("none_safe" if gaining else "no_gain", row=(gaining or ranked)[0].name)
    ties = tuple(row.name for row in safe[1:] if tied(safe[0].name, row.name))
    return Recommendation("ship", row=safe[0].name, ties=ties)


def common_means(rows: Sequence[BoardRow]) -> tuple[int, dict[str, float]]:
    """Return the number of tasks common to all complete models, and each such model's mean over them."""
    complete = [row for row in rows if row.complete and any(cell.score for cell in row.cells.values())]
    if not complete:
        return 0, {}
    shared = [name for name in complete[0].cells if all(row.cells[name].score is not None for row in complete)]
    if not shared:
        return 0, {}
    means = {
        row.name: sum(cell.score.value for name, cell in row.cells.items() if name in shared and cell.score)
        / len(shared)
        for row in complete
    }
    return len(shared), means


def _lower(estimate: ShownEstimate | None) -> float:
    """Return the lower end of the interval; the figure itself where it has none."""
    if estimate is None:
        return float("-inf")
    return estimate.value if estimate.low is None else estimate.low


def _value(estimate: ShownEstimate | None) -> float:
    return float("-inf") if estimate is None else estimate.value
