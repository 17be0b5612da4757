"""The answer of the first screen, by one rule: which variant ships, or which model leads.

It never says more than the table: a difference is significant only where its verdict is (`stats.gate.verdict_of`), and
two models are tied where `comparison.ranks` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench.boards.recommendation import Recommendation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcmbench.boards.table import BoardRow
    from tcmbench.records.search import SearchOutcome

    Tied = Callable[[str, str], bool]


class _Untrained(NamedTuple):
    better: tuple[str, ...]
    equal: tuple[str, ...]


def recommend(rows: Sequence[BoardRow], *, gain_tied: Tied, all_tied: Tied) -> Recommendation:
    """Return the answer.

    A variant may ship when it passes the gate. Of those that do, the largest gain is chosen; a gain over a part of the
    tasks, where a model can't do the others, comes after those over all. Without variants, the model with the largest
    mean over all tasks leads if it is significantly better than every other one.

    Args:
        rows: All rows, in any order.
        gain_tied: Whether the gains of two rows, by name, are not significantly different.
        all_tied: Whether the means over all tasks of two rows are not.
    """
    variants = [row for row in rows if row.kind == "variant"]
    if not variants:
        return _leading(rows, all_tied)
    whole = [row for row in variants if row.complete and row.aggregates.gain is not None]
    left_out = tuple(sorted(row.name for row in variants if row not in whole))
    if not whole:
        return Recommendation("incomplete", left_out=left_out)
    ranked = sorted(whole, key=lambda row: (row.aggregates.gain_is_partial, -_gain(row), row.name))
    safe = [row for row in ranked if row.gate is not None and row.gate.passed]
    gaining = [row for row in ranked if _verdict(row) == "improved"]
    worse = all(_verdict(row) == "regressed" for row in ranked)
    chosen = (safe or gaining or ranked)[0]
    untrained = _untrained(rows, chosen, gain_tied)
    return Recommendation(
        "ship" if safe else _failing(chosen) if gaining else "worse" if worse else "no_gain",
        row=chosen.name,
        ties=tuple(row.name for row in safe[1:] if gain_tied(chosen.name, row.name)),
        better_untrained=untrained.better,
        equal_untrained=untrained.equal,
        left_out=left_out,
    )


def _failing(chosen: BoardRow) -> Literal["none_safe", "too_little_gain"]:
    """Return what keeps the variant with the largest significant gain from passing."""
    return "too_little_gain" if chosen.gate is not None and chosen.gate.outcome == "too_little_gain" else "none_safe"


def _leading(rows: Sequence[BoardRow], all_tied: Tied) -> Recommendation:
    """Return which of the models without variants leads; those without a score on some task can't."""
    means = {row.name: row.mean for row in rows if row.mean is not None}
    left_out = tuple(sorted(row.name for row in rows if row.name not in means))
    if not means:
        return Recommendation("incomplete", left_out=left_out)
    first, *others = sorted(means, key=lambda name: (-means[name], name))
    if not others:
        return Recommendation("single", row=first, left_out=left_out)
    ties = tuple(name for name in others if all_tied(first, name))
    return Recommendation("tied" if ties else "leads", row=first, ties=ties, left_out=left_out)


def _untrained(rows: Sequence[BoardRow], chosen: BoardRow, gain_tied: Tied) -> _Untrained:
    """Return the untuned models that gain more than a variant, or as much, over all tasks that count."""
    if chosen.aggregates.gain_is_partial:
        return _Untrained((), ())
    whole = [
        row
        for row in rows
        if row.kind != "variant" and not row.is_reference and row.aggregates.gain and not row.aggregates.gain_is_partial
    ]
    by_gain = sorted(whole, key=lambda row: (-_gain(row), row.name))
    equal = [row.name for row in by_gain if gain_tied(chosen.name, row.name)]
    better = [row.name for row in by_gain if row.name not in equal and _gain(row) > _gain(chosen)]
    return _Untrained(tuple(better), tuple(equal))


def of_search(search: SearchOutcome) -> Recommendation:
    """Return the answer of a search: all rows together say less, as the best of many was selected on these items."""
    if search.outcome == "none_passed":
        nearest = search.selected
        return Recommendation("none_passed", row=nearest.name if nearest else None)
    return Recommendation("ship" if search.outcome == "confirmed" else "unconfirmed", row=search.row)


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


def _gain(row: BoardRow) -> float:
    return float("-inf") if row.aggregates.gain is None else row.aggregates.gain.value


def _verdict(row: BoardRow) -> str | None:
    return row.aggregates.gain.verdict if row.aggregates.gain else None
