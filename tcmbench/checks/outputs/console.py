"""For people at a terminal: a line a model, and details of those that changed or don't pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.checks import texts

if TYPE_CHECKING:
    from tcmbench.checks.verdict import Report

FILE = "check.txt"


def render(report: Report) -> str:
    """Return plain text; the last lines say what was decided and what to do."""
    head, rows = texts.summary(report)
    policy = report.policy_file or "default"
    lines = [f"set {report.set_name}, suite {report.suite}: {texts.held_against(report)} · policy: {policy}"]
    if report.synthetic:
        lines.append("The data is generated: these figures say nothing about medicine.")
    lines += ["", *texts.aligned(head, rows)]
    for models, told in texts.alike(report):
        lines += ["", f"{', '.join(model.name for model in models)}: {texts.outcome(models[0])}"]
        rows = texts.tasks(models[0], only_changed=True)
        if rows:
            lines += texts.aligned(texts.TASK_HEAD, rows, indent="    ")
        lines += [f"  ✗ {rule}: {text}" for rule, _, text in told]
    for model in report.models:
        rows = texts.tasks(model, only_changed=True)
        if model.against == "baseline" and rows and not model.findings:
            lines += ["", f"{model.name}: {texts.outcome(model)}", *texts.aligned(texts.TASK_HEAD, rows, indent="    ")]
    lines += ["", report.headline]
    if report.advice:
        lines.append(report.advice)
    return "\n".join(lines) + "\n"
