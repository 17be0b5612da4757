"""For pull requests and GitHub's job summary: the table of models, findings, and all tasks folded away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tcmbench.checks import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.checks.verdict import Report
    from tcmbench.comparison.verdict import ModelVerdict

FILE = "check.md"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~])")


def render(report: Report) -> str:
    """Return GitHub-flavoured Markdown."""
    head, rows = texts.summary(report)
    sign = "✅" if report.exit_code == 0 else "❌"
    lines = [f"## {sign} tcmbench check: {_plain(report.headline)}", ""]
    lines += [f"Set `{report.set_name}`, suite `{report.suite}`: {_plain(texts.held_against(report))}.", ""]
    if report.synthetic:
        lines += ["The data is generated: these figures say nothing about medicine.", ""]
    lines += _table(head, rows)
    for models, told in texts.alike(report):
        lines += ["", f"**{_plain(', '.join(model.name for model in models))}**", ""]
        lines += [f"- {'❌' if level == 'error' else '⚠️'} `{rule}` {_plain(text)}" for rule, level, text in told]
    for model in report.models:
        lines += _tasks(model)
    if report.advice:
        lines += ["", _plain(report.advice)]
    return "\n".join(lines) + "\n"


def _tasks(model: ModelVerdict) -> list[str]:
    rows = texts.tasks(model, only_changed=model.against == "baseline")
    if not rows:
        return []
    lines = ["", f"<details><summary>{len(rows)} tasks of {_plain(model.name)}</summary>", ""]
    return [*lines, *_table(texts.TASK_HEAD, rows), "", "</details>"]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(_plain(cell) for cell in row)} |" for row in rows),
    ]


def _plain(text: str) -> str:
    """Return text that Markdown shows as it stands, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
