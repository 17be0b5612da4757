"""What is known of a served model: its revision, what it was tuned from, its set, and what the gate says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.checks import state
from tcmbench.comparison import forms, looks
from tcmbench.comparison.reference import AgainstReference
from tcmbench.errors import TcmbenchError

if TYPE_CHECKING:
    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.records.model import Model
    from tcmbench.runs.named import NamedModel
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Served:
    """A model with its origin."""

    model: Model
    """The model."""

    row: str = ""
    """Its variant or cure; empty for a base."""

    set_name: str = ""
    """The set of the row."""

    gate: dict[str, Json] | None = None
    """Verdict of the gate on the row against the set's reference, of a form against its model: outcome, whether it may
    ship, findings; or the reason why there is none. None for models that are no row of a set."""


def served(named: NamedModel) -> Served:
    """Return what is known of a model; the verdict is from stored scores, and takes no look."""
    gate = verdict(named.workspace, named.set_name, named.row) if named.set_name else None
    return Served(named.model, named.row, named.set_name, gate)


def verdict(workspace: Workspace, set_name: str, row: str) -> dict[str, Json]:
    """Return the gate's verdict on a variant or cure against the reference, or on a form against its model.

    It is from stored scores.
    """
    try:
        measured = state.read(workspace, set_name)
        policies = workspace.policies(measured.model_set)
        if row in forms.sources(measured):
            judged = next(each for each in forms.judge(measured, policy=policies.form) if each.name == row)
            return _said(judged, reference=judged.counterpart, policy=policies.source)
        path = looks.path_of(workspace, set_name)
        look = looks.take(measured, policies, earlier=looks.read(path), where=workspace.shown(path))
        if look.record is not None:
            return _none(f"no look was taken at these scores. Run: tcmbench check {set_name}")
        variants = [model.name for model in measured.models if model.entry.kind == "variant"]
        judged = AgainstReference(measured, policy=look.policies.reference, names=variants).judge(row)
    except TcmbenchError as error:
        return _none(str(error))
    return _said(judged, reference=measured.model_set.reference, policy=policies.source)


def _said(judged: ModelVerdict, *, reference: str, policy: str) -> dict[str, Json]:
    findings = [f"{finding.rule} {finding.column}".strip() for finding in judged.findings]
    return {
        "outcome": judged.outcome,
        "passed": judged.passed,
        "reference": reference,
        "policy": policy,
        "seeds": judged.seeds,
        "findings": [*findings],
    }


def _none(reason: str) -> dict[str, Json]:
    return {"outcome": None, "passed": None, "reason": reason}
