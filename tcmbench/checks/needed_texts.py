"""Sentences of a check on the best of several variants, on planned looks, and on what would decide the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.checks.texts import change

if TYPE_CHECKING:
    from tcmbench.checks.verdict import Report
    from tcmbench.comparison.needed import Need

_LISTED = 6


def best_line(report: Report) -> str:
    """Return the best variant's gain, adjusted for the choice; empty where there was none."""
    if report.best is None:
        return ""
    return (
        f"Best of {report.best.of}: {report.best.name}; its gain, adjusted for having been chosen as the largest: "
        f"{change(report.best.gain)}"
    )


def look_line(report: Report) -> str:
    """Return which of the planned looks this is; empty without a plan."""
    look = report.look
    if look is None or look.planned == 1:
        return ""
    return (
        f"Look {look.number} of {look.planned}: alpha {look.alpha_now:g}, so that all looks together have "
        f"{look.alpha:g}."
    )


def need_lines(report: Report) -> list[str]:
    """Return what would decide the inconclusive variants; empty where that was not requested."""
    if report.needs is None:
        return []
    if not report.needs:
        return ["Nothing is inconclusive: no more data is needed."]
    lines = ["To decide with a chance of 80%, if the true change is the observed one:"]
    for name, needs in report.needs.items():
        lines += [f"  {name}: {_need(need)}" for need in needs]
        if not needs:
            lines.append(f"  {name}: no rule that more data would decide")
    return [*lines, _again(report)]


def _need(need: Need) -> str:
    what = "forgetting" if need.rule == "backward_transfer" else "gain"
    head = f"{what} {change(need.change)}"
    if need.error_needed == 0:
        return f"{head} is the bound itself: no amount of data decides it"
    ways = []
    if need.items:
        named = [f"{more.column} {more.now:,} → {more.needed:,}" for more in need.items[:_LISTED]]
        others = len(need.items) - _LISTED
        ways.append(f"items: {', '.join(named)}" + (f" and {others} more tasks" if others > 0 else ""))
    if need.seeds_needed is not None:
        ways.append(f"seeds: {need.seeds} → {max(need.seeds + 1, need.seeds_needed):,}")
    if not ways:
        ways.append("neither items nor seeds alone are enough: add both")
    unknown = "" if need.knows_training else " (a single seed: the noise of training is not in these numbers)"
    return (
        f"{head}, standard error {need.error:.2f} → {need.error_needed:.2f}, expected to {need.towards}: "
        f"{'; or '.join(ways)}{unknown}"
    )


def _again(report: Report) -> str:
    look = report.look
    if look is None or look.planned == 1:
        return (
            "Each check of added data is another chance of a false alarm: plan the number of looks first, "
            "`looks = 4` in the policy (docs/ci.md)."
        )
    left = look.planned - look.number
    return f"{left} of {look.planned} planned looks are left." if left else "This was the last of the planned looks."
