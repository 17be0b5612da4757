"""JUnit XML for CI systems: one suite per model, one case per task, and one for the rules over several tasks.

The dialect is that of GitLab, Jenkins and GitHub's reporters: testsuites / testsuite / testcase with
failure (a regression, one that is not ruled out, or too little gain) or error (a missing score, or another task).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tcmbench.checks import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.checks.verdict import Report
    from tcmbench.comparison.verdict import Finding, ModelVerdict
    from tcmbench.stats.gate import TaskVerdict

FILE = "junit.xml"
_ERRORS = {"missing", "not_comparable"}
_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """Return JUnit XML."""
    suites = [_suite(report, model) for model in report.models]
    root = ET.Element("testsuites", {"name": f"tcmbench check {report.set_name}", **_counts(suites)})
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(report: Report, model: ModelVerdict) -> ET.Element:
    suite = ET.Element("testsuite", name=f"{report.set_name}.{model.name}")
    of_column: dict[str, list[Finding]] = {}
    for finding in model.findings:
        of_column.setdefault(finding.column, []).append(finding)
    judged = {task.task: task for task in model.tasks}
    for column in dict.fromkeys([*judged, *(column for column in of_column if column)]):
        _case(suite, report, model, column, of_column.get(column, ()), judged.get(column))
    _case(suite, report, model, "(all tasks)", of_column.get("", ()), None)
    for name, value in _counts([suite], own=True).items():
        suite.set(name, value)
    return suite


def _case(
    suite: ET.Element,
    report: Report,
    model: ModelVerdict,
    name: str,
    findings: Sequence[Finding],
    task: TaskVerdict | None,
) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"tcmbench.{report.set_name}.{model.name}", name=name, time="0")
    if task is not None:
        said = ET.SubElement(case, "system-out")
        said.text = (
            f"{task.verdict}: {task.metric} {task.base:.2f} → {task.tuned:.2f}, change {texts.change(task.delta)}, "
            f"p {texts.p_value(task.p_holm)} after Holm, {task.n} items"
        )
    for finding in findings:
        if finding.level == "error":
            kind = "error" if finding.rule in _ERRORS else "failure"
            message = _UNWRITABLE.sub("�", finding.message)
            element = ET.SubElement(case, kind, type=finding.rule, message=message)
            element.text = message


def _counts(suites: Sequence[ET.Element], *, own: bool = False) -> dict[str, str]:
    cases = [case for suite in suites for case in suite.iter("testcase")]
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None and case.find("error") is None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
    }
    return {name: str(value) for name, value in counts.items()} | ({"time": "0"} if own else {})
