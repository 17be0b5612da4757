"""The evidence of a gate from scores of items."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tcmbench.errors import EvaluationError, NoInterval
from tcmbench.stats import inputs, statistics
from tcmbench.stats.draws import Draws
from tcmbench.stats.gate import BASE, TUNED, Evidence
from tcmbench.stats.randomisation import sign_flip
from tcmbench.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from tcmbench.specs.policy import Policy
    from tcmbench.stats.gate import Role

REFERENCE = "\x00base"
"""Name of the base in the draws of a single pair, so that its seeds are drawn apart from the variant's of any name."""


class Moved(NamedTuple):
    """Items of one model that differ from the base, after averaging over seeds."""

    improved: int
    """Items that score higher."""

    worse: int
    """Items that score lower."""


@dataclass(frozen=True, slots=True, eq=False)
class TaskItems:
    """Models on the items of one task, in the same order."""

    task: str
    """Name of the task."""

    role: Role
    """Role of the task."""

    metric: str
    """Name of the metric."""

    models: Mapping[str, npt.ArrayLike]
    """Model → items, or seeds × items: points where items have scores of their own. A model's seeds are drawn by its
    name, so that every comparison of it uses the same draws."""

    clusters: Sequence[str] | None = None
    """Cluster of each item (the patient). Tasks with the same clusters in the same order are resampled together."""

    statistic: str = "mean"
    """Name of the statistic: how the figure follows from the items."""

    gold: npt.ArrayLike | None = None
    """Gold of each item, for statistics that need it."""


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """One task: all models resampled together, and each paired with the reference."""

    about: TaskItems
    reference: str
    draws: Draws
    p_values: Mapping[str, float]
    """Model → two-sided p value of its difference from the reference; empty where that was not measured."""

    moved: Mapping[str, Moved]
    """Model → items that changed; empty where single items have no score of their own."""

    without_interval: Mapping[str, str]
    """Model → why its difference from the reference has no interval, so that nothing can be said about it."""

    def evidence(self, name: str) -> Evidence:
        """Return what the task says about a model against the reference.

        Raises:
            NoInterval: The difference has none.
        """
        if name in self.without_interval:
            raise NoInterval(self.without_interval[name])
        moved = self.moved.get(name)
        return Evidence(
            task=self.about.task,
            role=self.about.role,
            metric=self.about.metric,
            draws=self.draws.only({name: TUNED, self.reference: BASE}),
            p_value=self.p_values[name],
            improved=moved.improved if moved else None,
            worse=moved.worse if moved else None,
        )


def resample(items: TaskItems, *, reference: str, plan: Resampling) -> Resampled:
    """Return the draws of all models of a task, with p values and counts against the reference.

    The p value is that of the sign-flip test where items have scores of their own; else it follows from the bootstrap:
    twice the smaller share of resamples on either side of zero.

    Raises:
        EvaluationError: No items, or different items between models.
        ScoreMissing: A score is NaN.
    """
    plan = plan.on(f"task:{items.task}" if items.clusters is None else stream_of(items.clusters))
    others = [name for name in items.models if name != reference] if reference in items.models else []
    statistic = statistics.load(items.statistic)
    if statistic.GOLD and items.gold is None:
        raise EvaluationError(f"{items.task}: {items.statistic} needs the gold value of each item")
    try:
        draws = statistic.draws(items.models, items.gold, clusters=items.clusters, plan=plan)
    except NoInterval as error:
        draws = _without_resamples(items, statistic, plan)
        return Resampled(items, reference, draws, {}, {}, dict.fromkeys(others, str(error)))
    if not statistic.HAS_ITEM_SCORES:
        read_off, without = _two_sided(draws, others, reference)
        return Resampled(items, reference, draws, read_off, {}, without)
    if not others:
        return Resampled(items, reference, draws, {}, {}, {})
    rows = {name: inputs.row(items.models[name], what=f"{items.task}: {name}") for name in (*others, reference)}
    deltas = np.stack([rows[name] - rows[reference] for name in others])
    p_values = sign_flip(deltas, clusters=items.clusters, plan=plan)
    moved = [Moved(int(np.count_nonzero(delta > 0)), int(np.count_nonzero(delta < 0))) for delta in deltas]
    return Resampled(
        items,
        reference,
        draws,
        dict(zip(others, map(float, p_values), strict=True)),
        dict(zip(others, moved, strict=True)),
        {},
    )


def plan_of(policy: Policy) -> Resampling:
    """Return the resampling plan of a policy."""
    return Resampling(n_resamples=policy.n_resamples, seed=policy.seed)


def stream_of(clusters: Sequence[str]) -> str:
    """Return the same name for all tasks over these clusters in this order, so that they are drawn together."""
    return "clusters:" + hashlib.sha256("\x00".join(clusters).encode()).hexdigest()


def _two_sided(draws: Draws, names: Sequence[str], reference: str) -> tuple[dict[str, float], dict[str, str]]:
    """Return the two-sided p value of each difference, read off its draws, or why it has none."""
    p_values: dict[str, float] = {}
    without: dict[str, str] = {}
    for name in names:
        try:
            p_values[name] = draws.two_sided(name, reference)
        except NoInterval as error:
            without[name] = str(error)
    return p_values, without


def _without_resamples(items: TaskItems, statistic: statistics.Statistic, plan: Resampling) -> Draws:
    """Return the figures of models whose items can't be resampled: no draw of them has a value."""
    gold = None if items.gold is None else inputs.row(items.gold, what="gold")
    scale = 1.0 if statistic.HAS_ITEM_SCORES else 100.0
    seeds = {name: inputs.rows(values, what=name) for name, values in items.models.items()}
    count = next(iter(seeds.values())).shape[1]
    figures = [float(np.mean([scale * statistic.value(row, gold) for row in rows])) for rows in seeds.values()]
    return Draws(
        names=tuple(seeds),
        observed=np.array(figures),
        resampled=np.full((plan.n_resamples, len(seeds)), np.nan),
        n_items=count,
        n_clusters=count if items.clusters is None else len(set(items.clusters)),
        n_seeds=tuple(len(rows) for rows in seeds.values()),
    )
