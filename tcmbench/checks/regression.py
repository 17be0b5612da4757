"""Each model against its own row in the baseline: did anything get worse since?

All tasks are to be kept, in-domain ones too. Columns whose values did not change at all are not resampled: their
difference is exactly zero in every resample, so an unchanged rerun is judged in a moment and can't raise an alarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tcmbench.checks import comparability, reference
from tcmbench.checks.baseline import rounded
from tcmbench.checks.state import Place
from tcmbench.checks.verdict import ModelVerdict, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.checks.baseline import Baseline
    from tcmbench.checks.policy_file import Policies
    from tcmbench.checks.state import Measured, State
    from tcmbench.records.entry import Kind
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.stats.gate import Evidence
    from tcmbench.stats.policy import Policy


def judge(state: State, baseline: Baseline, *, policies: Policies, where: str) -> list[ModelVerdict]:
    """Return the verdict on every model of the set and of the baseline.

    A variant that has no row yet is held against the set's reference, as without a baseline; any other model without
    its counterpart can't be compared.

    Args:
        state: The set today.
        baseline: The set then.
        policies: Rules of both comparisons.
        where: The baseline's path, for messages.

    Raises:
        NotComparable: The baseline is another set's.
        SpecError: The baseline's values are damaged.
    """
    comparability.require_same_set(state, baseline, where=where)
    others = comparability.differences(state, baseline)
    new = [m.name for m in state.models if m.name not in baseline.models and m.entry.kind == "variant"]
    judged = {verdict.name: verdict for verdict in reference.judge(state, new, policy=policies.reference)}
    verdicts = []
    for model in state.models:
        if model.name in judged:
            verdicts.append(judged[model.name])
        elif model.name not in baseline.models:
            reason = (
                "it joined the set after the baseline was written and is no variant: it has no row to be held against"
            )
            verdicts.append(_unjudged(state, model.name, model.entry.kind, reason, policies.baseline))
        else:
            verdicts.append(_judge_one(state, model, baseline, others, policies.baseline, where))
    for name, row in baseline.models.items():
        if state.model(name) is None:
            reason = "the baseline has a row for it, the set no longer has the model"
            verdicts.append(_unjudged(state, name, row.kind, reason, policies.baseline))
    return verdicts


def _judge_one(
    state: State, model: Measured, baseline: Baseline, others: Mapping[str, str], policy: Policy, where: str
) -> ModelVerdict:
    from tcmbench.stats import gate

    row = baseline.models[model.name]
    problems = reference.missing(state, model, policy=policy)
    told = {problem.column for problem in problems}
    evidence: list[Evidence] = []
    changed = False
    for column in state.columns:
        name = column.column
        reason = _incomparable(model, baseline, others, name)
        if name in told:
            continue
        if reason is not None:
            problems.append(Problem("not_comparable", name, reason, policy.requires(name)))
        elif name in model.items and name in row.scores:
            then = baseline.row(model.name, name, where=where)
            now = rounded(model.items[name].values, model.items[name].statistic)
            same = then.shape == now.shape and bool((then == now).all())
            changed |= not same
            make = _unchanged if same else _changed
            evidence.append(make(model, column, then, now, policy))
    gone = [name for name in others if name not in {column.column for column in state.columns} and name in row.scores]
    problems += [Problem("not_comparable", name, others[name], policy.requires(name)) for name in gone]
    return ModelVerdict(
        name=model.name,
        kind=model.entry.kind,
        against="baseline",
        seeds=reference.seeds(model),
        changed=changed,
        result=gate.judge(evidence, policy=policy) if evidence else None,
        problems=tuple(problems),
        policy=policy,
        place=state.places[model.name],
    )


def _incomparable(model: Measured, baseline: Baseline, others: Mapping[str, str], column: str) -> str | None:
    """Return why a column of a model can't be held against the baseline; None where it can, or stands in neither."""
    measured, kept = column in model.items, column in baseline.models[model.name].scores
    if column in others and (measured or kept):
        return others[column]
    if measured and not kept:
        return "the baseline has no score of this model on it"
    if kept and not measured and column not in _waiting(model):
        return "the baseline has a score of this model on it, which it no longer takes"
    return None


def _waiting(model: Measured) -> set[str]:
    return {column for column, gap in model.entry.states.items() if gap.state != "not_applicable"}


def _unchanged(model: Measured, column: SuiteTask, then: np.ndarray, now: np.ndarray, policy: Policy) -> Evidence:
    """Return the evidence of equal values: a difference of exactly nothing, whatever is drawn."""
    from tcmbench.stats.draws import Draws
    from tcmbench.stats.gate import BASE, TUNED, Evidence

    items = model.items[column.column]
    draws = Draws(
        names=(TUNED, BASE),
        observed=np.full(2, model.points(column.column)),
        resampled=np.zeros((policy.n_resamples, 2)),
        n_items=len(items.ids),
        n_clusters=len(set(items.clusters)),
        n_seeds=(len(now), len(then)),
    )
    metric = model.entry.scores[column.column][0].record.metric
    return Evidence(column.column, column.role, metric, draws, 1.0, improved=0, worse=0)


def _changed(model: Measured, column: SuiteTask, then: np.ndarray, now: np.ndarray, policy: Policy) -> Evidence:
    from tcmbench.stats.gate_evidence import TaskItems, evidence

    items = model.items[column.column]
    return evidence(
        TaskItems(
            task=column.column,
            role=column.role,
            metric=model.entry.scores[column.column][0].record.metric,
            tuned=now,
            base=then,
            clusters=items.clusters,
            statistic=items.statistic,
            gold=items.gold,
            variant=model.name,
        ),
        policy=policy,
    )


def _unjudged(state: State, name: str, kind: Kind, reason: str, policy: Policy) -> ModelVerdict:
    return ModelVerdict(
        name=name,
        kind=kind,
        against="baseline",
        seeds=0,
        changed=True,
        result=None,
        problems=(Problem("not_comparable", "", reason),),
        policy=policy,
        place=state.places.get(name, Place(f"models/sets/{state.model_set.name}.toml")),
    )
