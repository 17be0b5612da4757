"""Markdown for pull requests and GitHub's job summary: the table of models, findings, and all tasks collapsed."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from tcmbench.checks import needed_texts, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.checks.verdict import Report
    from tcmbench.comparison.verdict import ModelVerdict

FILE = "check.md"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&!])")
_MENTION = "@&#8203;"
"""Replaces an at sign, as GitHub notifies the user named after one."""


def render(report: Report) -> str:
    """Return GitHub-flavoured Markdown; the question that the exit code answers is first."""
    lines = [
        f"{_title('##', report)} (exit code {report.exit_code})",
        "",
        f"Set {_code(report.set_name)}, suite {_code(report.suite)}, policy: {_plain(report.policy_source)}.",
        "",
    ]
    if report.synthetic:
        lines += ["The data is generated: these scores have no medical meaning.", ""]
    for condition in report.conditions:
        lines += [_plain(condition), ""]
    lines += _decided(report)
    if report.other is not None:
        lines += ["", _title("###", report.other), "", "Without effect on the exit code.", "", *_decided(report.other)]
    return "\n".join(lines) + "\n"


def _title(level: str, report: Report) -> str:
    sign = "✅" if report.exit_code == 0 else "❌"
    return f"{level} {sign} tcmbench check: {_plain(report.headline)}"


def _decided(report: Report) -> list[str]:
    head, rows = texts.summary(report)
    question = f"{report.question} ({texts.counterpart(report)})"
    lines = [_plain(question[0].upper() + question[1:]), "", *_table(head, rows)]
    for models, findings in texts.alike(report):
        lines += ["", f"**{_plain(', '.join(model.name for model in models))}**", ""]
        lines += [f"- {'❌' if level == 'error' else '⚠️'} `{rule}` {_plain(text)}" for rule, level, text in findings]
    for model in report.models:
        lines += _tasks(model)
    said = (needed_texts.best_line(report), texts.power_line(report), needed_texts.look_line(report))
    for line in (*said, *needed_texts.need_lines(report), report.advice, texts.cure_advice(report)):
        lines += ["", _plain(line)] if line else []
    block = texts.cure_block(report)
    return lines + (["", "```toml", block, "```"] if block else [])


def _tasks(model: ModelVerdict) -> list[str]:
    rows = texts.tasks(model, only_changed=model.against == "baseline")
    if not rows:
        return []
    lines = ["", f"<details><summary>{len(rows)} tasks of {html.escape(model.name)}</summary>", ""]
    return [*lines, *_table(texts.task_head(model), rows), "", "</details>"]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(_plain(cell) for cell in row)} |" for row in rows),
    ]


def _plain(text: str) -> str:
    """Return text escaped for Markdown, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("@", _MENTION)


def _code(text: str) -> str:
    """Return text as code, between more backticks than it contains."""
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if "`" in text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"
