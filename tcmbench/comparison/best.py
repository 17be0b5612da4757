"""The gain of the variant that was chosen for its gain, adjusted for the number of variants that it was chosen from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.comparison import ranks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.comparison.reference import AgainstReference
    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.specs.suite import Role
    from tcmbench.stats.estimates import Estimate


class Best(NamedTuple):
    """The best of several variants."""

    name: str
    of: int
    """Variants that it was chosen from, itself among them; at least 2."""

    gain: Estimate
    """Gain, adjusted for the choice; its value is median-unbiased."""


def chosen(comparison: AgainstReference, verdicts: Mapping[str, ModelVerdict]) -> str | None:
    """Return the variant that a board's answer names; None without one.

    Of the variants that pass the gate the largest gain, else of those that gain significantly, else of all.

    Args:
        comparison: The comparison that the verdicts are of.
        verdicts: Model → verdict against the reference.
    """
    role = ranks.gain_role(comparison.columns)
    able = _able(comparison, verdicts, role)
    if not able:
        return None
    ordered = sorted(able, key=lambda name: (role in able[name].partial, -_gain(able[name], role), name))
    safe = [name for name in ordered if able[name].passed]
    gaining = [name for name in ordered if role and able[name].mean_verdict(role) == "improved"]
    return (safe or gaining or ordered)[0]


def adjusted(comparison: AgainstReference, verdicts: Mapping[str, ModelVerdict], name: str | None) -> Best | None:
    """Return a chosen variant's gain, adjusted; None where there was no choice, or its gain leaves out tasks.

    It was chosen from the variants that would have been chosen with a larger gain: where it passes the gate, from those
    that pass it or break none of its rules except the one on gain; where none passes, from all.

    Args:
        comparison: The comparison that the verdicts are of.
        verdicts: Model → verdict against the reference.
        name: The chosen variant.
    """
    import numpy as np

    from tcmbench.errors import NoInterval
    from tcmbench.stats.draws import mean_over_tasks
    from tcmbench.stats.selection import best_of

    role = ranks.gain_role(comparison.columns)
    able = {one: verdict for one, verdict in _able(comparison, verdicts, role).items() if role not in verdict.partial}
    if role is None or name not in able:
        return None
    most = _gain(able[name], role)
    rivals = [
        one
        for one, verdict in able.items()
        if _gain(verdict, role) <= most and (not able[name].passed or verdict.passed or _fails_by_gain_alone(verdict))
    ]
    names = [name, *(one for one in rivals if one != name)]
    if len(names) == 1:
        return None
    columns = [column.column for column in comparison.columns if column.role == role]
    draws = [of_column for column in columns if (of_column := comparison.draws(column)) is not None]
    keep = {one: one for one in (*names, comparison.base.name)}
    means = mean_over_tasks([of_column.only(keep) for of_column in draws])
    gains = np.stack([means.differences(one, comparison.base.name) for one in names], axis=1)
    values = [means.value(one) - means.value(comparison.base.name) for one in names]
    try:
        gain = best_of(values, gains, level=1 - comparison.policy.alpha, tasks=means.tasks)
    except NoInterval:
        return None
    return Best(name, len(names), gain)


def of_verdicts(comparison: AgainstReference, verdicts: Sequence[ModelVerdict]) -> Best | None:
    """Return the gain of the best of the judged variants, adjusted; None where there was no choice."""
    named = {verdict.name: verdict for verdict in verdicts}
    return adjusted(comparison, named, chosen(comparison, named))


def _able(
    comparison: AgainstReference, verdicts: Mapping[str, ModelVerdict], role: Role | None
) -> dict[str, ModelVerdict]:
    """Return the variants with all their scores."""
    return {
        model.name: verdict
        for model in comparison.models
        if (verdict := verdicts.get(model.name)) is not None
        and verdict.kind == "variant"
        and role is not None
        and verdict.mean_change(role) is not None
        and not model.entry.failure
        and all((gap := model.gap(c.column)) is None or gap.state == "not_applicable" for c in comparison.columns)
    }


def _fails_by_gain_alone(verdict: ModelVerdict) -> bool:
    return all(violation.rule == "gain" for violation in verdict.result.violations)


def _gain(verdict: ModelVerdict, role: Role | None) -> float:
    change = verdict.mean_change(role) if role else None
    return float("-inf") if change is None else change.value
