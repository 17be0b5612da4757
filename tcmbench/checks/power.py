"""What the suite of a set can see, from the set's stored scores: text, Markdown and JSON of `tcmbench power`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.checks import state
from tcmbench.checks.texts import aligned
from tcmbench.comparison.precision import precision
from tcmbench.comparison.reference import AgainstReference
from tcmbench.errors import ScoreMissing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.comparison.precision import Precision, RolePrecision, TaskPrecision, Wanted
    from tcmbench.specs.policy import Policy
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace

FORMAT = "tcmbench power 1"
MARGINS = (0.25, 0.5, 1.0, 2.0)
"""Losses in points to which the numbers of items and seeds are given, besides the policy's margin."""

_DIGITS = 6
_NAMES = {"in_domain": "gain in domain", "held_out": "gain held out", "general": "forgetting (BWT)"}
_LEGEND = (
    "Points (0–100). Upper table: times the present items of every task, at the present seeds, or seeds on the present "
    "items; lower table: independent items of the task. –: no number is enough by itself. Single tasks are at the "
    "level of Holm's smallest p value."
)
_ONE_SEED = "One seed: the noise of training is unknown and in none of these figures. Train at least three."


@dataclass(frozen=True, slots=True)
class PowerReport:
    """What the suite of a set can see."""

    set_name: str
    suite: str
    reference: str
    policy: Policy
    """Policy of the comparison with the reference."""

    margins: tuple[float, ...]
    seen: Precision


def power(workspace: Workspace, name: str, *, margins: Sequence[float] = (), policy: Path | None = None) -> PowerReport:
    """Return what the suite of a set can see, from its stored scores; nothing is measured.

    Args:
        workspace: The workspace.
        name: Name of a model set.
        margins: Losses in points to which the numbers of items and seeds are given; empty: the usual and the policy's.
        policy: Policy file that overrides the set's own.

    Raises:
        ScoreMissing: No model of the set has a score beside the reference's.
    """
    measured = state.read(workspace, name)
    rules = workspace.policies(measured.model_set, override=policy).reference
    base = measured.model(measured.model_set.reference)
    if base is None or not base.items:
        raise ScoreMissing(
            f"set {name}: the reference {measured.model_set.reference} has no score, so the spread of differences from "
            f"it is unknown. Run: tcmbench run {name}"
        )
    given = tuple(sorted(set(margins) or {*MARGINS, *([rules.margin] if rules.margin > 0 else [])}))
    try:
        seen = precision(AgainstReference(measured, policy=rules), margins=given)
    except ScoreMissing as error:
        raise ScoreMissing(f"set {name}: {error} Run: tcmbench run {name}") from error
    return PowerReport(name, measured.suite.name, measured.model_set.reference, rules, given, seen)


def as_text(report: PowerReport) -> str:
    """Return the report for a terminal."""
    lines = _head(report)
    for head, rows in _tables(report):
        lines += ["", *aligned(head, rows)]
    return "\n".join([*lines, "", *_notes(report)]) + "\n"


def as_markdown(report: PowerReport) -> str:
    """Return the report in Markdown."""
    lines = ["\n\n".join(_head(report))]
    for head, rows in _tables(report):
        lines += ["", f"| {' | '.join(head)} |", f"|{':--|' + '--:|' * (len(head) - 1)}"]
        lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([*lines, "", *_notes(report)]) + "\n"


def as_json(report: PowerReport) -> str:
    """Return the report as JSON; null where no number of items or seeds is enough, or it is unknown."""
    seen = report.seen
    whole: dict[str, Json] = {
        "format": FORMAT,
        "set": report.set_name,
        "suite": report.suite,
        "reference": report.reference,
        "alpha": report.policy.alpha,
        "models": list(seen.models),
        "are_variants": seen.are_variants,
        "roles": [_role_json(role) for role in seen.roles],
        "tasks": [_task_json(task) for task in seen.tasks],
    }
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _head(report: PowerReport) -> list[str]:
    seen = report.seen
    count = len(seen.models)
    what = "variants" if seen.are_variants else "untuned models"
    about = f"set {report.set_name}, {what} against {report.reference}, the median of {count}"
    meaning = f"a loss that is significant at alpha = {report.policy.alpha:g} with a chance of 80%"
    lines = [
        f"What suite {report.suite} can see: {about}.",
        f"Seen: {meaning}. An unchanged model passes a margin of the same size with the same chance.",
    ]
    if not seen.are_variants:
        lines.append(
            "The set has no measured variants: other models differ from the reference in more items, so a tuned model "
            "needs fewer items than stated."
        )
    return lines


def _tables(report: PowerReport) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    margins = tuple(f"for {margin:g}" for margin in report.margins)
    roles = [
        (
            _NAMES[role.role],
            str(role.tasks),
            f"{role.noise.error:.2f}",
            f"{role.smallest:.2f}",
            str(role.noise.number) if role.noise.seeds is not None else "1",
            *map(_wanted, role.wanted),
        )
        for role in report.seen.roles
    ]
    tasks = [
        (
            task.column,
            task.role.replace("_", " "),
            f"{task.items:,}",
            f"{task.error:.2f}",
            f"{task.smallest:.2f}",
            *("–" if count is None else f"{count:,}" for _, count in task.items_needed),
        )
        for task in report.seen.tasks
    ]
    return [
        (("mean over tasks", "tasks", "standard error", "smallest loss seen", "seeds", *margins), roles),
        (("task", "role", "items", "standard error", "smallest loss seen", *margins), tasks),
    ]


def _wanted(one: Wanted) -> str:
    items = (
        "–" if one.factor is None else f"{one.factor:.2g}× items" if one.factor < 10 else f"{one.factor:,.0f}× items"
    )
    return items if one.seeds is None else f"{items} or {one.seeds:,} seeds"


def _notes(report: PowerReport) -> list[str]:
    lines = [_LEGEND]
    if any(role.noise.seeds is None for role in report.seen.roles) and report.seen.are_variants:
        lines.append(_ONE_SEED)
    return lines


def _role_json(role: RolePrecision) -> Json:
    noise = role.noise
    return {
        "role": role.role,
        "tasks": role.tasks,
        "error": round(noise.error, _DIGITS),
        "variance_of_items": round(noise.items, _DIGITS),
        "variance_of_a_training": None if noise.seeds is None else round(noise.seeds, _DIGITS),
        "seeds": noise.number,
        "smallest_seen": round(role.smallest, _DIGITS),
        "margins": [
            {
                "margin": one.margin,
                "items_factor": None if one.factor is None else round(one.factor, _DIGITS),
                "seeds": one.seeds,
            }
            for one in role.wanted
        ],
    }


def _task_json(task: TaskPrecision) -> Json:
    return {
        "task": task.column,
        "role": task.role,
        "metric": task.metric,
        "items": task.items,
        "error": round(task.error, _DIGITS),
        "smallest_seen": round(task.smallest, _DIGITS),
        "margins": [{"margin": margin, "items": count} for margin, count in task.items_needed],
    }
