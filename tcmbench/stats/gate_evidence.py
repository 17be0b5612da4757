"""From scores of items to the evidence that a gate judges."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from tcmbench.errors import EvaluationError
from tcmbench.stats import inputs, weighted
from tcmbench.stats.gate import BASE, TUNED, Evidence, judge
from tcmbench.stats.paired import bootstrap, bootstrap_statistic
from tcmbench.stats.randomisation import sign_flip
from tcmbench.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from tcmbench.stats.draws import Draws
    from tcmbench.stats.gate import GateResult, Role
    from tcmbench.stats.policy import Policy

_REFERENCE = "\x00base"  # no variant is called that

Statistic = Literal["mean", "spearman", "average_precision"]


@dataclass(frozen=True, slots=True, eq=False)
class TaskItems:
    """Both models on the items of one task, in the same order."""

    task: str
    """Name of the task."""

    role: Role
    """What the task stands for."""

    metric: str
    """Name of the metric."""

    tuned: npt.ArrayLike
    """Items, or seeds × items, of the variant: points for means, similarities otherwise."""

    base: npt.ArrayLike
    """The same of the base."""

    clusters: Sequence[str] | None = None
    """Cluster of each item (the patient). Tasks with the same clusters in the same order are resampled together."""

    statistic: Statistic = "mean"
    """How the figure follows from the items."""

    gold: npt.ArrayLike | None = None
    """Gold of each item, for statistics that are no mean."""

    variant: str = TUNED
    """Name of the variant. Its seeds are drawn by this name, so that the gate draws what a board draws."""


def check(tasks: Sequence[TaskItems], *, policy: Policy, missing: Sequence[str] = ()) -> GateResult:
    """Return the decision of a policy on a variant, from the scores of its items.

    Raises:
        EvaluationError: A task comes twice, has no items or not the same items for both models.
        ScoreMissing: A score is NaN.
    """
    return judge([evidence(task, policy=policy) for task in tasks], policy=policy, missing=missing)


def evidence(items: TaskItems, *, policy: Policy) -> Evidence:
    """Return draws, p value and counts of one task.

    The p value is that of the sign-flip test for means; for other statistics it is read off the bootstrap: twice the
    smaller share of resamples on either side of zero.
    """
    plan = Resampling(
        n_resamples=policy.n_resamples,
        seed=policy.seed,
        stream=f"task:{items.task}" if items.clusters is None else stream_of(items.clusters),
    )
    if items.statistic == "mean":
        models = {items.variant: items.tuned, _REFERENCE: items.base}
        draws = replace(bootstrap(models, clusters=items.clusters, plan=plan), names=(TUNED, BASE))
        tuned = inputs.row(items.tuned, what=f"{items.task}: {items.variant}")
        base = inputs.row(items.base, what=f"{items.task}: base")
        delta = tuned - base
        p_value = float(sign_flip(delta, clusters=items.clusters, plan=plan)[0])
        improved, worse = int(np.count_nonzero(delta > 0)), int(np.count_nonzero(delta < 0))
        return Evidence(items.task, items.role, items.metric, draws, p_value, improved, worse)
    draws = _statistic_draws(items, plan)
    return Evidence(items.task, items.role, items.metric, draws, two_sided(draws, TUNED, BASE))


def two_sided(draws: Draws, name: str, reference: str) -> float:
    """Return the two-sided p value of a difference, read off its draws."""
    upper = draws.chance_at_least(name, reference, at=0.0)
    lower = draws.chance_at_least(reference, name, at=0.0)
    return min(1.0, 2 * min(upper, lower))


def statistic_draws(
    models: Mapping[str, npt.ArrayLike],
    gold: npt.ArrayLike,
    *,
    statistic: Statistic,
    clusters: Sequence[str] | None,
    plan: Resampling,
) -> Draws:
    """Return a statistic that is no mean, in points, of every model in every resample.

    Args:
        models: Name → similarities, items or seeds × items.
        gold: Gold of each item.
        statistic: Which one.
        clusters: Cluster of each item.
        plan: How often, which seed, which stream.

    Raises:
        EvaluationError: The statistic is a mean, which needs no gold, or doesn't exist over all items.
    """
    if statistic == "mean":
        raise EvaluationError("a mean is resampled from the values of its items alone, by `paired.bootstrap`")
    make = weighted.spearman if statistic == "spearman" else weighted.average_precision
    of_items = inputs.row(gold, what="gold")
    made = {name: [make(seed, of_items) for seed in inputs.rows(values, what=name)] for name, values in models.items()}
    levels = len(np.unique(of_items)) if statistic == "spearman" else 0
    return bootstrap_statistic(
        made, items=len(of_items), clusters=clusters, plan=plan, scale=100.0, rows=weighted.ROWS_A_LEVEL * levels
    )


def stream_of(clusters: Sequence[str]) -> str:
    """Return one name for tasks over the same clusters in the same order, so that they are drawn together."""
    return "clusters:" + hashlib.sha256("\x00".join(clusters).encode()).hexdigest()


def _statistic_draws(items: TaskItems, plan: Resampling) -> Draws:
    if items.gold is None:
        raise EvaluationError(f"{items.task}: {items.statistic} needs the gold value of each item")
    models = {items.variant: items.tuned, _REFERENCE: items.base}
    draws = statistic_draws(models, items.gold, statistic=items.statistic, clusters=items.clusters, plan=plan)
    return replace(draws, names=(TUNED, BASE))
