"""Cures compared with the variants that they are made from: how much gain is kept, how much forgetting is undone.

Board and gate take both from here, and with them the advice: the cure that worked on a set, or which to try first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench.comparison import ranks
from tcmbench.errors import NoInterval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.comparison.measured import Measured
    from tcmbench.comparison.reference import AgainstReference
    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.records.entry import Entry
    from tcmbench.specs.suite import Role
    from tcmbench.stats.draws import Draws
    from tcmbench.stats.estimates import Estimate
    from tcmbench.stats.gate import Verdict

FIRST_ALPHA = 0.5
"""Share of the tuned weights in the merge to try first."""

WhyNot = Literal["no_row", "other_base", "missing", "no_interval", "no_gain", "nothing_forgotten"]
"""no_row: an untreated variant isn't compared, as in a search; other_base: it was tuned from another base than the
reference, from which changes are measured; missing: the cure or an untreated variant has no score on a task of the
role, or the suite no such task; no_interval: the change of one of them has none; no_gain: the untreated variant has no
significant gain; nothing_forgotten: it has no significant loss on the general tasks."""


class Effect(NamedTuple):
    """Effect of a cure, as shares of the changes of the untreated variant, in percent."""

    untreated: tuple[str, ...]
    """Variants that were trained, which the cure is made from, directly or through other cures; of several, the shares
    are of their mean. Of a cure during training, the variant without it."""

    gain_kept: Estimate | WhyNot
    """Gain of the cure over that of the untreated variant: 100 keeps all of it; or why it is not defined."""

    forgetting_undone: Estimate | WhyNot
    """1 minus the ratio of their backward transfers: 100 forgets nothing, 0 as much as the untreated variant."""


class CureAdvice(NamedTuple):
    """What can be done about a variant that forgets."""

    variant: str
    """The variant; of several that one cure is made from, the first."""

    cure: str | None = None
    """Cure of it that passes the gate, keeps a significant gain and forgets less; None where none was tried."""

    gain_kept: float = 0.0
    """Of that cure, in percent."""

    forgetting_undone: float = 0.0
    """Of that cure, in percent."""


def sources(entry: Entry) -> tuple[str, ...]:
    """Return what a cure is made from, or the untreated variant of one during training; empty for other rows."""
    named = entry.recipe.get("untreated")
    return entry.of or ((named,) if isinstance(named, str) and named else ())


def untreated(name: str, made_from: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the variants that a cure is made from, also through other cures; each once, in order.

    Args:
        name: The cure.
        made_from: Cure → the models that it is made from.
    """
    found: dict[str, None] = {}
    for source in made_from[name]:
        found |= dict.fromkeys(untreated(source, made_from) if source in made_from else (source,))
    return tuple(found)


def effects(comparison: AgainstReference, made_from: Mapping[str, Sequence[str]]) -> dict[str, Effect]:
    """Return cure → its effect, for the cures among the models of a comparison."""
    role = ranks.gain_role(comparison.columns)
    bases = {model.name: model.entry.base for model in comparison.models}
    found = {}
    for name in (name for name in made_from if name in bases):
        variants = untreated(name, made_from)
        gain: Estimate | WhyNot
        lost: Estimate | WhyNot
        if not bases.keys() >= set(variants):
            gain = lost = "no_row"
        elif {bases[variant] for variant in variants} != {comparison.base.name}:
            gain = lost = "other_base"
        else:
            gain = _share(comparison, name, variants, role=role, demand="improved")
            lost = _share(comparison, name, variants, role="general", demand="regressed")
        found[name] = Effect(variants, gain, lost if isinstance(lost, str) else _complement(lost))
    return found


def advice(
    comparison: AgainstReference, verdicts: Mapping[str, ModelVerdict], effects: Mapping[str, Effect]
) -> CureAdvice | None:
    """Return the cure that worked, or the variant on which one should be tried; None where neither applies.

    A cure has worked where it passes the gate with a significant gain and forgets significantly less than the variant
    that it is made from, which has a significant gain, but forgets significantly. Of several, it is the one with the
    largest gain. A variant should be treated where it has a significant gain, forgets significantly, doesn't pass, and
    the set has no cure of it.

    Args:
        comparison: The comparison.
        verdicts: Model → verdict against the reference.
        effects: Cure → its effect.
    """
    role = ranks.gain_role(comparison.columns)
    if role is None:
        return None

    def gain(name: str) -> float:
        change = verdicts[name].mean_change(role)
        return float("-inf") if change is None else change.value

    gaining = {name for name, verdict in verdicts.items() if verdict.mean_verdict(role) == "improved"}
    worked = [
        CureAdvice(effect.untreated[0], name, effect.gain_kept.value, effect.forgetting_undone.value)
        for name, effect in effects.items()
        if name in gaining
        and verdicts[name].passed
        and not isinstance(effect.gain_kept, str)
        and not isinstance(effect.forgetting_undone, str)
        and effect.forgetting_undone.interval.low > 0
    ]
    if worked:
        return max(worked, key=lambda one: (gain(str(one.cure)), str(one.cure)))
    tried = {variant for effect in effects.values() for variant in effect.untreated}
    forms = {model.name for model in comparison.models if model.entry.form_of}
    forgetting = [
        name
        for name in gaining - tried - effects.keys() - comparison.untrained - forms
        if verdicts[name].kind == "variant"
        and not verdicts[name].passed
        and verdicts[name].mean_verdict("general") == "regressed"
    ]
    return CureAdvice(max(forgetting, key=lambda name: (gain(name), name))) if forgetting else None


def block(variant: str) -> str:
    """Return the table of a set's file that adds the cure to try first."""
    quoted = json.dumps(variant, ensure_ascii=False)
    name = json.dumps(f"{variant}-merged", ensure_ascii=False)
    return f'[[cure]]\nname = {name}\nof = {quoted}\ncure = "merge"\noptions = {{ alpha = {FIRST_ALPHA:g} }}'


def _share(
    comparison: AgainstReference, cure: str, variants: tuple[str, ...], *, role: Role | None, demand: Verdict
) -> Estimate | WhyNot:
    """Return the change of a cure as a share of that of its variants, in percent, over the tasks of a role.

    Args:
        comparison: The comparison.
        cure: The cure.
        variants: The variants.
        role: The role.
        demand: Verdict without which the variants' change is no denominator.
    """
    from tcmbench.stats import gate, shares

    draws = _draws(comparison, (cure, *variants), role)
    if draws is None:
        return "missing"
    level, base = 1 - comparison.policy.alpha, comparison.base.name
    try:
        below = shares.change(draws, variants, base=base, level=level)
        if below.interval.holds(0.0) or gate.verdict_of(below.interval, policy=comparison.policy) != demand:
            return "no_gain" if demand == "improved" else "nothing_forgotten"
        share = shares.share(draws, cure, variants, base=base, level=level)
    except NoInterval:
        return "no_interval"
    low, high, _ = share.interval
    return share._replace(value=100 * share.value, interval=share.interval._replace(low=100 * low, high=100 * high))


def _complement(percent: Estimate) -> Estimate:
    """Return 100 minus a percentage, with its interval."""
    low, high, _ = percent.interval
    return percent._replace(
        value=100 - percent.value, interval=percent.interval._replace(low=100 - high, high=100 - low)
    )


def _draws(comparison: AgainstReference, models: tuple[str, ...], role: Role | None) -> Draws | None:
    """Return the draws of models and reference over the tasks of a role; None unless all have a score on each.

    Tasks that none of them can do, such as similarity for rerankers, are left out, as they are from the mean changes.
    """
    from tcmbench.stats.draws import mean_over_tasks

    wanted = {name: name for name in (*models, comparison.base.name)}
    compared = [model for model in (*comparison.models, comparison.base) if model.name in wanted]
    columns = [
        column.column
        for column in comparison.columns
        if column.role == role and not all(_cant_do(model, column.column) for model in compared)
    ]
    draws = [comparison.draws(column) for column in columns]
    whole = [of_column for of_column in draws if of_column is not None and wanted.keys() <= set(of_column.names)]
    return mean_over_tasks([each.only(wanted) for each in whole]) if whole and len(whole) == len(columns) else None


def _cant_do(model: Measured, column: str) -> bool:
    gap = model.gap(column)
    return gap is not None and gap.state == "not_applicable"
