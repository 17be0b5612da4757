"""For people at a terminal: a line a model, and details of those that don't pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.checks import texts

if TYPE_CHECKING:
    from tcmbench.checks.verdict import ModelVerdict, Report

FILE = "check.txt"
_SHOWN = 12


def render(report: Report) -> str:
    """Return plain text; the last lines say what was decided and what to do."""
    head, rows = texts.summary(report)
    policy = report.policy_file or "default"
    lines = [f"set {report.set_name}, suite {report.suite}: {texts.held_against(report)} · policy: {policy}"]
    if report.synthetic:
        lines.append("The data is generated: these figures say nothing about medicine.")
    lines += ["", *texts.aligned(head, rows)]
    for model in report.models:
        if model.findings or not model.passed:
            lines += ["", *_details(model)]
    lines += ["", report.headline]
    if report.advice:
        lines.append(report.advice)
    return "\n".join(lines) + "\n"


def _details(model: ModelVerdict) -> list[str]:
    lines = [f"{model.name}: {texts.outcome(model)}"]
    rows = texts.tasks(model, only_changed=True)
    if rows:
        lines += texts.aligned(texts.TASK_HEAD, rows, indent="    ")
    same: dict[tuple[str, str], list[str]] = {}
    for finding in model.findings:
        same.setdefault((finding.rule, finding.message), []).append(finding.column)
    for (rule, message), columns in same.items():
        listed = ", ".join(columns[:_SHOWN]) + (f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else "")
        # rules on missing and other tasks don't name the task in their message; the gate's do
        named = f"{listed}: " if listed and rule in {"missing", "not_comparable"} else ""
        lines.append(f"  ✗ {rule}: {named}{message}")
    return lines
