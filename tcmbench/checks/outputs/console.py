"""Text for a terminal: one line per model, and details of those that changed or don't pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.checks import needed_texts, texts

if TYPE_CHECKING:
    from tcmbench.checks.verdict import Report

FILE = "check.txt"


def render(report: Report) -> str:
    """Return plain text: the question, with its exit code, and the decision; then the other question."""
    about = f"set {report.set_name}, suite {report.suite}: exit code {report.exit_code} answers: {report.question}"
    lines = [f"{about} ({texts.counterpart(report)}) · policy: {report.policy_source}"]
    if report.synthetic:
        lines.append("The data is generated: these scores have no medical meaning.")
    lines += [*report.conditions, *_decided(report)]
    if report.other is not None:
        other = report.other
        lines += ["", f"Without effect on the exit code: {other.question} ({texts.counterpart(other)})"]
        lines += _decided(other)
    return "\n".join(lines) + "\n"


def _decided(report: Report) -> list[str]:
    head, rows = texts.summary(report)
    lines = ["", *texts.aligned(head, rows)]
    for models, findings in texts.alike(report):
        lines += ["", f"{', '.join(model.name for model in models)}: {texts.outcome(models[0])}"]
        rows = texts.tasks(models[0], only_changed=True)
        if rows:
            lines += texts.aligned(texts.task_head(models[0]), rows, indent="    ")
        lines += [f"  ✗ {rule}: {text}" for rule, _, text in findings]
    for model in report.models:
        rows = texts.tasks(model, only_changed=True)
        if model.against == "baseline" and rows and not model.findings:
            lines += [
                "",
                f"{model.name}: {texts.outcome(model)}",
                *texts.aligned(texts.task_head(model), rows, indent="    "),
            ]
    said = [needed_texts.best_line(report), texts.power_line(report), needed_texts.look_line(report)]
    lines += ["", *filter(None, said), *needed_texts.need_lines(report)]
    lines += [report.headline, *([report.advice] if report.advice else [])]
    advised, block = texts.cure_advice(report), texts.cure_block(report)
    return [*lines, *([advised] if advised else []), *(["", block] if block else [])]
