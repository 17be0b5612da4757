"""JSON for programs: all verdicts, with figures of ten digits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcmbench.stats.power import power

if TYPE_CHECKING:
    from tcmbench.checks.verdict import Report
    from tcmbench.comparison.best import Best
    from tcmbench.comparison.needed import Need
    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.stats.estimates import Estimate
    from tcmbench.stats.gate import TaskVerdict
    from tcmbench.store import Json

FILE = "check.json"
FORMAT = "tcmbench check 1"
_DIGITS = 10


def render(report: Report) -> str:
    """Return JSON; the keys of a figure are value, low, high."""
    whole: dict[str, Json] = {
        "format": FORMAT,
        "version": report.version,
        **_comparison(report),
        "other": _comparison(report.other) if report.other else None,
    }
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _comparison(report: Report) -> dict[str, Json]:
    return {
        "question": report.question,
        "set": report.set_name,
        "suite": report.suite,
        "synthetic": report.synthetic,
        "against": report.against,
        "reference": report.reference,
        "baseline": report.baseline,
        "policy": report.policy_source,
        "conditions": [*report.conditions],
        "outcome": report.outcome,
        "exit_code": report.exit_code,
        "cure_advice": None
        if report.cure_advice is None
        else {"variant": report.cure_advice.variant, "cure": report.cure_advice.cure},
        "best": _best(report.best),
        "look": None if report.look is None else dict(report.look._asdict()),
        "needs": None
        if report.needs is None
        else {name: [_need(need) for need in needs] for name, needs in report.needs.items()},
        "models": [_model(model) for model in report.models],
    }


def _best(best: Best | None) -> Json:
    return None if best is None else {"name": best.name, "of": best.of, "gain": _figure(best.gain)}


def _need(need: Need) -> Json:
    return {
        "rule": need.rule,
        "change": _figure(need.change),
        "towards": need.towards,
        "error": round(need.error, _DIGITS),
        "error_needed": round(need.error_needed, _DIGITS),
        "items": [dict(more._asdict()) for more in need.items],
        "seeds": need.seeds,
        "seeds_needed": need.seeds_needed,
        "knows_training": need.knows_training,
    }


def _model(model: ModelVerdict) -> Json:
    return {
        "name": model.name,
        "kind": model.kind,
        "against": model.against,
        "seeds": model.seeds,
        "noise_of_siblings": model.is_pooled,
        "outcome": model.outcome,
        "passed": model.passed,
        "changed": model.changed,
        "kept": _figure(model.result.kept),
        "power": _power(model),
        "gain_in_domain": _figure(model.mean_change("in_domain")),
        "gain_held_out": _figure(model.mean_change("held_out")),
        "backward_transfer": _figure(model.mean_change("general")),
        "tasks": [_task(task) for task in model.tasks],
        "findings": [
            {
                "rule": finding.rule,
                "task": finding.column,
                "level": finding.level,
                "certain": finding.certain,
                "message": finding.message,
            }
            for finding in model.findings
        ],
        "policy": model.policy.model_dump(mode="json"),
    }


def _power(model: ModelVerdict) -> Json:
    if model.result.kept is None or not model.changed:
        return None
    chances = power(model.result.kept.interval, margin=model.policy.margin)
    return {"to_pass": round(chances.to_pass, _DIGITS), "smallest_seen": round(chances.smallest_seen, _DIGITS)}


def _task(task: TaskVerdict) -> Json:
    return {
        "task": task.task,
        "role": task.role,
        "metric": task.metric,
        "before": round(task.base, _DIGITS),
        "now": round(task.tuned, _DIGITS),
        "change": _figure(task.delta),
        "p_value": round(task.p_value, _DIGITS),
        "p_holm": round(task.p_holm, _DIGITS),
        "verdict": task.verdict,
        "cap": task.cap,
        "p_cap": round(task.p_cap, _DIGITS),
        "items": task.n,
        "clusters": task.n_clusters,
        "improved": task.improved,
        "worse": task.worse,
    }


def _figure(estimate: Estimate | None) -> Json:
    if estimate is None:
        return None
    low, high, _ = estimate.interval
    return {"value": round(estimate.value, _DIGITS), "low": round(low, _DIGITS), "high": round(high, _DIGITS)}
