"""Each model compared with its own row in the baseline: did anything get worse since?

The margin applies to all tasks, including in-domain ones. Columns whose values did not change are not resampled: their
difference is exactly zero in every resample, so an unchanged rerun is fast and can't raise an alarm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.comparison import comparability
from tcmbench.comparison.baseline import rounded
from tcmbench.comparison.reference import AgainstReference
from tcmbench.comparison.trainings import Trainings, figures_of, trainings
from tcmbench.comparison.verdict import ModelVerdict, Problem, because
from tcmbench.errors import NoInterval

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from tcmbench.comparison.baseline import Baseline
    from tcmbench.comparison.measured import Measured, MeasuredSet
    from tcmbench.records.entry import Kind
    from tcmbench.specs.policy import Policies, Policy
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.stats.gate import Evidence

    FloatArray = npt.NDArray[np.float64]

_NEW = "it joined the set after the baseline was written and is a base or a form: it has no row to be compared with"
_GONE = "the baseline has a row for it, the set no longer has the model"


def judge(
    measured: MeasuredSet,
    baseline: Baseline,
    *,
    policies: Policies,
    where: str,
    reference: AgainstReference | None = None,
) -> list[ModelVerdict]:
    """Return the verdict on every model of the set and of the baseline.

    A variant that has no row yet is compared with the set's reference, as without a baseline; any other model without
    its counterpart can't be compared.

    Args:
        measured: The current scores of the set.
        baseline: The earlier scores.
        policies: Rules of both comparisons.
        where: The baseline's path, for messages.
        reference: The comparison with the reference, where it was computed before.

    Raises:
        NotComparable: The baseline is another set's.
        SpecError: The baseline's values are damaged.
    """
    comparability.require_same_set(measured, baseline, where=where)
    known = trainings((model.entry for model in measured.models), elsewhere=measured.model_set.models)
    then = _Then(baseline, comparability.differences(measured, baseline), where, known)
    joined = [m for m in measured.models if m.name not in baseline.models]
    new = [m.name for m in joined if m.entry.kind == "variant" and not m.entry.form_of]
    if new and reference is None:
        reference = AgainstReference(measured, policy=policies.reference, names=new)
    verdicts = []
    for model in measured.models:
        if model.name in baseline.models:
            verdicts.append(_judge_one(measured, model, then, policies.baseline))
        elif model.name in new and reference is not None:
            verdicts.append(reference.judge(model.name))
        else:
            verdicts.append(_unjudged(model.name, model.entry.kind, _NEW, policies.baseline))
    for name, row in baseline.models.items():
        if measured.model(name) is None:
            verdicts.append(_unjudged(name, row.kind, _GONE, policies.baseline))
    return verdicts


@dataclass(frozen=True, slots=True)
class _Then:
    """The baseline, and which of its columns can't be compared with the current ones."""

    baseline: Baseline
    others: Mapping[str, str]
    where: str
    trainings: Trainings
    """Those of the current set."""

    def incomparable(self, model: Measured, column: str) -> str | None:
        """Return why a column of a model can't be compared; None where it can, or is in neither."""
        has_score, had_score = column in model.items, column in self.baseline.models[model.name].scores
        if column in self.others and (has_score or had_score):
            return self.others[column]
        if has_score and not had_score:
            return "the baseline has no score of this model on it"
        if had_score and not has_score:
            return "the baseline has a score of this model on it, which it no longer supports"
        return None


def _judge_one(measured: MeasuredSet, model: Measured, then: _Then, policy: Policy) -> ModelVerdict:
    from tcmbench.stats import gate

    row = then.baseline.models[model.name]
    problems: list[Problem] = []
    evidence: list[Evidence] = []
    changed = False
    for column in measured.columns:
        name, gap = column.column, model.gap(column.column)
        if gap is not None and gap.state != "not_applicable":
            problems.append(Problem("missing", name, because(gap), policy.requires(name)))
        elif (reason := then.incomparable(model, name)) is not None:
            problems.append(Problem("not_comparable", name, reason, policy.requires(name)))
        elif name in model.items:
            before = then.baseline.row(model.name, name, where=then.where)
            changed |= not _is_same(before, _values(model, column))
            try:
                evidence.append(change(model, column, before, policy=policy, known=then.trainings))
            except NoInterval as error:
                problems.append(Problem("unjudged", name, str(error), policy.requires(name)))
    columns = {column.column: column.role for column in measured.columns}
    gone = [name for name in then.others if name not in columns and name in row.scores]
    problems += [Problem("not_comparable", name, then.others[name], policy.requires(name)) for name in gone]
    return ModelVerdict(
        name=model.name,
        kind=model.entry.kind,
        against="baseline",
        seeds=model.seeds,
        changed=changed,
        result=gate.judge(evidence, policy=policy),
        problems=tuple(problems),
        policy=policy,
        incomplete=frozenset(columns[problem.column] for problem in problems if problem.column in columns),
    )


def change(model: Measured, column: SuiteTask, before: FloatArray, *, policy: Policy, known: Trainings) -> Evidence:
    """Return the evidence of a model's change on a column; equal values differ by exactly zero.

    Args:
        model: The model.
        column: A column with its items.
        before: Earlier values of the same items, seeds × items, rounded as in a baseline.
        policy: Rules and resamples.
        known: The trainings of the set.

    Raises:
        NoInterval: The difference has no interval.
    """
    now = _values(model, column)
    if _is_same(before, now):
        return _unchanged(model, column, before, now, policy)
    return _changed(model, column, before, now, policy, known)


def _values(model: Measured, column: SuiteTask) -> FloatArray:
    items = model.items[column.column]
    return rounded(items.values, items.statistic)


def _is_same(before: FloatArray, now: FloatArray) -> bool:
    return before.shape == now.shape and bool((before == now).all())


def _unchanged(model: Measured, column: SuiteTask, then: np.ndarray, now: np.ndarray, policy: Policy) -> Evidence:
    """Return the evidence of equal values: a difference of exactly zero in every draw."""
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
    return Evidence(column.column, column.role, model.metric(column.column), draws, 1.0, improved=0, worse=0)


def _changed(
    model: Measured, column: SuiteTask, then: np.ndarray, now: np.ndarray, policy: Policy, known: Trainings
) -> Evidence:
    from tcmbench.stats.gate_evidence import REFERENCE, TaskItems, plan_of, resample

    items = model.items[column.column]
    plan = plan_of(policy)
    if model.name in known.names:  # earlier and current seeds are of one recipe: siblings of each other
        seeds = {REFERENCE: figures_of(items, then)} if len(then) > 1 else {}
        current, before = {model.name: model.name}, {REFERENCE: model.name}
        plan = replace(plan, noise=known.on(column.column, variants=current, earlier=before, more=seeds))
    task = TaskItems(
        task=column.column,
        role=column.role,
        metric=model.metric(column.column),
        models={model.name: now, REFERENCE: then},
        clusters=items.clusters,
        statistic=items.statistic,
        gold=items.gold,
    )
    return resample(task, reference=REFERENCE, plan=plan).evidence(model.name)


def _unjudged(name: str, kind: Kind, reason: str, policy: Policy) -> ModelVerdict:
    from tcmbench.stats import gate

    return ModelVerdict(
        name=name,
        kind=kind,
        against="baseline",
        seeds=0,
        changed=True,
        result=gate.judge([], policy=policy),
        problems=(Problem("not_comparable", "", reason),),
        policy=policy,
    )
