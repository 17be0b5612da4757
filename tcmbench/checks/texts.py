"""Figures and tables common to all outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.comparison import cures
from tcmbench.comparison.shown import NOTHING as NOTHING  # noqa: PLC0414 - all outputs take their figures from here
from tcmbench.comparison.shown import aligned as aligned  # noqa: PLC0414
from tcmbench.comparison.shown import change as change  # noqa: PLC0414
from tcmbench.comparison.shown import p_value as p_value  # noqa: PLC0414
from tcmbench.specs.suite import ROLES
from tcmbench.stats.power import power
from tcmbench.text.numbers import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.checks.verdict import Report
    from tcmbench.comparison.verdict import Level, ModelVerdict, Outcome

SAID: dict[Outcome, str] = {
    "pass": "pass",
    "inconclusive": "INCONCLUSIVE",
    "too_little_gain": "TOO LITTLE GAIN",
    "regression": "REGRESSION",
    "missing": "MISSING",
    "not_comparable": "NOT COMPARABLE",
}
_LISTED = 12
_UNNAMED = ("missing", "not_comparable", "unjudged")


def counterpart(report: Report) -> str:
    """Return the models' counterpart, for a headline."""
    if report.against == "baseline":
        return f"each model against its own row in {report.baseline}"
    if report.against == "source":
        return "each form against the model in its `of`"
    return f"each variant against {report.reference}"


def power_line(report: Report) -> str:
    """Return the power of a comparison of this size, for the models that changed; empty where there are none."""
    powers = [
        power(model.result.kept.interval, margin=model.policy.margin)
        for model in report.models
        if model.result.kept is not None and model.changed and model.against == report.against
    ]
    if not powers:
        return ""
    chances, losses = sorted(one.to_pass for one in powers), sorted(one.smallest_seen for one in powers)
    return (
        f"Power: an unchanged model passes the margin of {report.models[0].policy.margin:g} with probability "
        f"{_range(chances, '{:.0%}')}; a mean loss of {_range(losses, '{:.2f}')} points is detected with 80%."
    )


def cure_advice(report: Report) -> str:
    """Return the sentence on the cure that worked, or on the one to try first; empty where neither applies."""
    advised = report.cure_advice
    if advised is None:
        return ""
    if advised.cure is not None:
        return (
            f"{advised.cure}, a cure of {advised.variant}, keeps {percent(advised.gain_kept)} of the gain and undoes "
            f"{percent(advised.forgetting_undone)} of the forgetting, and passes the gate."
        )
    return (
        f"{advised.variant} gains, but forgets. The average of its weights with its base's often forgets less and "
        f"needs no training: add this to models/sets/{report.set_name}.toml and run the set again."
    )


def cure_block(report: Report) -> str:
    """Return the table that adds the cure to try first; empty where there is none to try."""
    advised = report.cure_advice
    return cures.block(advised.variant) if advised is not None and advised.cure is None else ""


def _level(models: Sequence[ModelVerdict]) -> str:
    """Return the level of the models' intervals, for a head; empty where they differ."""
    levels = {model.policy.level for model in models}
    return f"{levels.pop()} " if len(levels) == 1 else ""


def _range(ordered: Sequence[float], form: str) -> str:
    low, high = form.format(ordered[0]), form.format(ordered[-1])
    return low if low == high else f"{low} to {high}"


def outcome(model: ModelVerdict) -> str:
    """Return a model's outcome in words, marked where it passes only by the policy."""
    said = SAID[model.outcome]
    return f"pass ({said.lower()})" if model.passed and model.outcome != "pass" else said


def summary(report: Report) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return header and rows of the table of models."""
    level = _level(report.models)
    if report.against == "baseline":
        head: tuple[str, ...] = ("model", "verdict", "tasks", "changed", f"mean change [{level}interval]")
    elif report.against == "source":
        head = ("form", "verdict", "tasks", "compared with", f"mean change [{level}interval]")
    else:
        head = ("model", "verdict", f"gain in domain [{level}interval]", "held out", "forgetting (general)", "seeds")
    rows: list[tuple[str, ...]] = []
    for model in report.models:
        if report.against == "reference":
            rows.append(
                (model.name, outcome(model), *(change(model.mean_change(role)) for role in ROLES), _seeds(model))
            )
        elif report.against == "source":
            count = str(len(model.tasks))
            rows.append((model.name, outcome(model), count, model.counterpart, change(model.result.kept)))
        elif model.against == "reference":
            gain = f"against {report.reference}: {change(model.mean_change('general'))}"
            rows.append((model.name, outcome(model), str(len(model.tasks)), "new", gain))
        else:
            moved = str(sum(verdict.improved != 0 or verdict.worse != 0 for verdict in model.tasks))
            rows.append((model.name, outcome(model), str(len(model.tasks)), moved, change(model.result.kept)))
    return head, rows


def task_head(model: ModelVerdict) -> tuple[str, ...]:
    """Return the header of a model's table of tasks."""
    change = f"change [{_level([model])}interval]"
    return ("task", "role", "metric", "before", "now", change, "p (Holm)", "items", "verdict")


def tasks(model: ModelVerdict, *, only_changed: bool) -> list[tuple[str, ...]]:
    """Return the rows of a model's table of tasks."""
    return [
        (
            task.task,
            task.role,
            task.metric,
            f"{task.base:.2f}",
            f"{task.tuned:.2f}",
            change(task.delta),
            p_value(task.p_holm),
            str(task.n),
            task.verdict,
        )
        for task in model.tasks
        if not only_changed or task.improved != 0 or task.worse != 0
    ]


class FindingText(NamedTuple):
    """A finding in words."""

    rule: str
    level: Level
    text: str


def findings(model: ModelVerdict, *, columns: int) -> tuple[FindingText, ...]:
    """Return the findings of a model, with equal ones of several tasks combined.

    Args:
        model: The model.
        columns: Columns of the suite; when a finding is about all of them, they aren't listed.
    """
    same: dict[tuple[str, Level, str], list[str]] = {}
    for finding in model.findings:
        same.setdefault((finding.rule, finding.level, finding.message), []).append(finding.column)
    texts = []
    for (rule, level, message), named in same.items():
        # the gate's own messages name their task
        about = _listed([name for name in named if name], columns) if rule in _UNNAMED else ""
        texts.append(FindingText(rule, level, f"{about}: {message}" if about else message))
    return tuple(texts)


def alike(report: Report) -> list[tuple[list[ModelVerdict], tuple[FindingText, ...]]]:
    """Return the models with findings; those that could not be judged at all, for the same reasons, are grouped."""
    groups: dict[object, tuple[list[ModelVerdict], tuple[FindingText, ...]]] = {}
    for model in report.models:
        texts = findings(model, columns=report.columns)
        if texts:
            key = model.name if model.tasks else texts
            groups.setdefault(key, ([], texts))[0].append(model)
    return list(groups.values())


def _listed(names: Sequence[str], columns: int) -> str:
    if len(names) == columns > 1:
        return f"all {columns} tasks"
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _seeds(model: ModelVerdict) -> str:
    if model.seeds != 1:
        return str(model.seeds)
    return "1 (noise of siblings)" if model.is_pooled else "1 (items only)"
