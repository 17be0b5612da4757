"""The history of a set as text and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcmbench.comparison.shown import NOTHING, aligned, change, p_value
from tcmbench.history.commits import is_dirty
from tcmbench.history.steps import BEST
from tcmbench.specs.suite import ROLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.history.steps import ColumnStep, HistoryStep
    from tcmbench.history.view import SetHistory
    from tcmbench.specs.suite import Role
    from tcmbench.stats.estimates import Estimate
    from tcmbench.store import Json

GATE = {True: "passed", False: "failed", None: NOTHING}
_COLUMN_HEAD = ("task", "before", "after", "change", "p", "verdict")
_SHOWN_COMMITS = 5


def as_text(history: SetHistory) -> str:
    """Return the states as a table, and below it what happened at each step that changed something."""
    roles = roles_of(history.steps)
    level = f"{100 * (1 - history.alpha):g}%"
    lines = [
        f"set {history.set_name}, row {history.row} · {history.file}",
        *(["best: the row with the highest mean over the first of these roles"] if history.row == BEST else []),
        f"scores in points; changes from the state before, item by item, with intervals at {level}",
        *(f"left out: {line}" for line in history.damaged),
        *([f"{history.omitted} earlier states are not shown (--last)"] if history.omitted else []),
        "",
        *aligned(("time", "commit", "gate", "row", *roles, "step"), [line(step, roles) for step in history.steps]),
    ]
    for step in history.steps:
        if step.is_changed:
            lines += ["", *_details(step)]
    return "\n".join(lines) + "\n"


def roles_of(steps: Sequence[HistoryStep]) -> tuple[Role, ...]:
    """Return the roles of all states."""
    return tuple(role for role in ROLES if any(role in step.means for step in steps))


def line(step: HistoryStep, roles: Sequence[Role]) -> tuple[str, ...]:
    """Return the cells of a state."""
    means = (f"{step.means[role]:.2f}" if role in step.means else NOTHING for role in roles)
    return (step.state.time, step.state.commit or NOTHING, GATE[step.is_green], step.row or NOTHING, *means, said(step))


def said(step: HistoryStep) -> str:
    """Return the change of a step in a few words."""
    if not step.row:
        return "the row has no score"
    if not step.is_changed:
        return "unchanged" if any(column.before is not None for column in step.columns.values()) else "first"
    parts = []
    if step.regressed:
        parts.append(f"REGRESSED: {', '.join(step.regressed)}")
    if step.improved:
        parts.append(f"improved: {', '.join(step.improved)}")
    if step.unpaired:
        parts.append(f"not paired: {', '.join(step.unpaired)}")
    return "; ".join(parts) or "changed, no significant difference"


def culprit(step: HistoryStep) -> str:
    """Return which commits can have caused a step, and how to find the one that did."""
    now = step.state.commit
    also = ", or changes that were not committed" if is_dirty(now) else ""
    if step.commits is None:
        return "commit: unknown (git has no record of one of both states)" if now else "commit: none (outside git)"
    if not step.commits:
        return f"commit: none between both states{also.removeprefix(', or')}"
    if len(step.commits) == 1:
        only = step.commits[0]
        return f"commit: {only.name} {only.title}{also}"
    listed = "; ".join(f"{one.name} {one.title}" for one in step.commits[:_SHOWN_COMMITS])
    more = len(step.commits) - _SHOWN_COMMITS
    first, last = step.commits[0].name, step.commits[-1].name
    return (
        f"commit: one of {len(step.commits)}{also}: {listed}{f'; and {more} more' if more > 0 else ''}. To find it: "
        f"git bisect start {last} {first}^, then tcmbench run {step.state.set} at each"
    )


def column_cells(name: str, column: ColumnStep) -> tuple[str, ...]:
    """Return the cells of a column of a step."""
    before = NOTHING if column.before is None else f"{column.before:.2f}"
    after = NOTHING if column.after is None else f"{column.after.value:.2f}"
    if column.change is None or column.p_value is None:
        return name, before, after, NOTHING, NOTHING, column.note
    return name, before, after, change(column.change), p_value(column.p_value), column.verdict or ""


def _details(step: HistoryStep) -> list[str]:
    lines = [f"{step.state.time}: {said(step)}"]
    lines += [f"  {role}: {change(estimate)}, {step.verdicts[role]}" for role, estimate in step.mean_changes.items()]
    changed = [
        column_cells(name, column)
        for name, column in step.columns.items()
        if column.note or column.change is None or column.change.value or column.verdict == "regressed"
    ]
    if changed:
        lines += aligned(_COLUMN_HEAD, changed, indent="    ")
    lines += [f"  changed: {cause.what}" for cause in step.causes]
    return [*lines, f"  {culprit(step)}"]


def as_json(history: SetHistory) -> str:
    """Return the history as JSON."""
    value: dict[str, Json] = {
        "set": history.set_name,
        "row": history.row,
        "omitted": history.omitted,
        "damaged": [*history.damaged],
        "level": 1 - history.alpha,
        "states": [_step_json(step) for step in history.steps],
    }
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _step_json(step: HistoryStep) -> Json:
    return {
        "time": step.state.time,
        "commit": step.state.commit,
        "gate_passed": step.is_green,
        "row": step.row,
        "means": {str(role): value for role, value in step.means.items()},
        "is_changed": step.is_changed,
        "regressed": [*step.regressed],
        "improved": [*step.improved],
        "mean_changes": {role: _estimate(change) for role, change in step.mean_changes.items()},
        "columns": {
            name: {
                "before": column.before,
                "after": None if column.after is None else column.after.value,
                "interval": None if column.after is None else [column.after.low, column.after.high],
                "change": None if column.change is None else _estimate(column.change),
                "p_value": column.p_value,
                "verdict": column.verdict,
                "note": column.note,
            }
            for name, column in step.columns.items()
        },
        "causes": [{"kind": cause.kind, "what": cause.what} for cause in step.causes],
        "commits": None if step.commits is None else [{"name": c.name, "title": c.title} for c in step.commits],
    }


def _estimate(estimate: Estimate) -> Json:
    low, high, _ = estimate.interval
    return {"value": round(estimate.value, 6), "low": round(low, 6), "high": round(high, 6)}
