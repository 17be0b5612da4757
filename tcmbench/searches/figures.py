"""Figures of a model on one half of the items, and what they say to the search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from tcmbench.comparison.halves import on_half
from tcmbench.comparison.measured import measured_set
from tcmbench.comparison.reference import AgainstReference
from tcmbench.records.search import Change, HalfFigures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.records.entry import Entry
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.policy import Policy
    from tcmbench.specs.suite import Role, Suite
    from tcmbench.stats.estimates import Estimate
    from tcmbench.stats.halves import Half
    from tcmbench.store import Json

_ADAPTER = TypeAdapter(HalfFigures)


def to_json(figures: HalfFigures) -> Json:
    """Return the figures as JSON."""
    value: Json = _ADAPTER.dump_python(figures, mode="json")
    return value


def from_json(value: Json) -> HalfFigures | None:
    """Return the figures that `to_json` wrote; None for None."""
    return None if value is None else _ADAPTER.validate_python(value)


def on(
    half: Half, name: str, model_set: ModelSet, suite: Suite, entries: Sequence[Entry], *, policy: Policy
) -> HalfFigures:
    """Return the figures of a model against the reference of its set on one half of the items.

    Args:
        half: The half.
        name: Name of the model.
        model_set: A set with the model and the reference.
        suite: Columns to compare.
        entries: Both entries.
        policy: Rules of the gate.
    """
    measured = on_half(measured_set(model_set, suite, entries), half)
    verdict = AgainstReference(measured, policy=policy, names=[name]).judge(name)
    return HalfFigures(
        gain=_change(verdict, "in_domain"),
        held_out=_change(verdict, "held_out"),
        general=_change(verdict, "general"),
        outcome=verdict.outcome,
        passed=verdict.passed,
        reasons=tuple(finding.message for finding in verdict.findings),
        misses=_misses(verdict),
    )


def _misses(verdict: ModelVerdict) -> dict[str, float]:
    policy, result = verdict.policy, verdict.result
    misses: dict[str, float] = {}
    if result.kept is not None:
        misses["kept"] = -policy.margin - result.kept.interval.low
    gain = result.gain_in_domain
    if gain is not None and policy.required_gain is not None:
        bound = gain.interval.low if policy.gain_evidence == "interval" else gain.value
        misses["gain"] = policy.required_gain - bound
    misses["rules"] = float(sum(violation.rule in _WITHOUT_BOUND for violation in verdict.violations))
    # A policy may let pass what is undecided: then no bound is missed.
    return {name: min(miss, 0.0) for name, miss in misses.items()} if verdict.passed else misses


_WITHOUT_BOUND = frozenset({"task_regressed", "task_cap"})
"""Rules about single tasks, which count instead of adding points."""


def _change(verdict: ModelVerdict, role: Role) -> Change | None:
    estimate: Estimate | None = verdict.mean_change(role)
    return None if estimate is None else Change(estimate.value, estimate.interval.low, estimate.interval.high)
