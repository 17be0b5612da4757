"""What is known of a served model: its revision, what it was tuned from, its set, and what the gate says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.checks import state
from tcmbench.comparison import looks
from tcmbench.comparison.reference import AgainstReference
from tcmbench.errors import TcmbenchError

if TYPE_CHECKING:
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
    """Verdict of the gate on the row against the set's reference: outcome, whether it may ship, findings; or the reason
    why there is none. None for models that are no row of a set."""


def served(named: NamedModel) -> Served:
    """Return what is known of a model; the verdict is from stored scores, and takes no look."""
    gate = verdict(named.workspace, named.set_name, named.row) if named.set_name else None
    return Served(named.model, named.row, named.set_name, gate)


def verdict(workspace: Workspace, set_name: str, row: str) -> dict[str, Json]:
    """Return the gate's verdict on a variant or cure against the reference, from stored scores."""
    try:
        measured = state.read(workspace, set_name)
        policies = workspace.policies(measured.model_set)
        path = looks.path_of(workspace, set_name)
        look = looks.take(measured, policies, earlier=looks.read(path), where=workspace.shown(path))
        if look.record is not None:
            return _none(f"no look was taken at these scores. Run: tcmbench check {set_name}")
        variants = [model.name for model in measured.models if model.entry.kind == "variant"]
        judged = AgainstReference(measured, policy=look.policies.reference, names=variants).judge(row)
    except TcmbenchError as error:
        return _none(str(error))
    findings = [f"{finding.rule} {finding.column}".strip() for finding in judged.findings]
    return {
        "outcome": judged.outcome,
        "passed": judged.passed,
        "reference": measured.model_set.reference,
        "policy": policies.source,
        "seeds": judged.seeds,
        "findings": [*findings],
    }


def _none(reason: str) -> dict[str, Json]:
    return {"outcome": None, "passed": None, "reason": reason}
