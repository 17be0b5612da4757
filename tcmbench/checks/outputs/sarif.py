"""For code scanning: SARIF 2.1.0 (OASIS), one result per finding, at the file that declares the model, if there is one.

A pull request then shows a regression at its variant, and closes it when it is fixed: the fingerprint of a
result is its model, task and rule, not its figures.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from tcmbench.checks.state import Place
from tcmbench.checks.verdict import RULES

if TYPE_CHECKING:
    from tcmbench.checks.verdict import Report
    from tcmbench.comparison.verdict import Finding, ModelVerdict
    from tcmbench.store import Json

FILE = "check.sarif"
VERSION = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(report: Report) -> str:
    """Return a SARIF log of one run."""
    rules: list[Json] = [
        {"id": name, "name": _camel(name), "shortDescription": {"text": f"{text}."}} for name, text in RULES.items()
    ]
    results: list[Json] = [_result(report, model, finding) for model in report.models for finding in model.findings]
    log: dict[str, Json] = {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {"driver": {"name": "tcmbench", "semanticVersion": report.version, "rules": rules}},
                "automationDetails": {"id": f"tcmbench/check/{report.set_name}/"},
                "invocations": [{"executionSuccessful": report.exit_code < 2, "exitCode": report.exit_code}],
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    return json.dumps(log, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _result(report: Report, model: ModelVerdict, finding: Finding) -> Json:
    about = f"{model.name} · {finding.column}" if finding.column else model.name
    of_set = Place(f"models/sets/{report.set_name}.toml") if report.is_declared else None
    identity = f"{report.set_name}\n{model.name}\n{finding.column}\n{finding.rule}"
    return {
        "ruleId": finding.rule,
        "ruleIndex": list(RULES).index(finding.rule),
        "level": finding.level,
        # `[text](target)` is a link in SARIF's plain text too
        "message": {"text": f"{about}: {finding.message}".replace("](", "] (")},
        "locations": [
            {
                **_physical(report.places.get(model.name, of_set)),
                "logicalLocations": [{"name": model.name, "fullyQualifiedName": f"{report.set_name}/{model.name}"}],
            }
        ],
        "partialFingerprints": {"tcmbench/v1": hashlib.sha256(identity.encode()).hexdigest()},
    }


def _physical(place: Place | None) -> dict[str, Json]:
    if place is None:
        return {}
    return {"physicalLocation": {"artifactLocation": {"uri": place.file}, "region": {"startLine": place.line}}}


def _camel(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))
