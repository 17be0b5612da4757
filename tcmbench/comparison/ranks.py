"""Models compared with one another: which are tied, and their order.

Two models are tied where the interval of their paired difference holds zero or lies within the policy's equivalence.
Against the reference the verdict of the comparison with it decides, so that a tie never contradicts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.specs.suite import GAIN_ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.comparison.reference import AgainstReference
    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.specs.suite import Role, SuiteTask
    from tcmbench.stats.draws import Draws


def gain_role(columns: Sequence[SuiteTask]) -> Role | None:
    """Return the role that counts as gain: in_domain, or held_out where there are no in_domain tasks."""
    roles = {column.role for column in columns}
    return next((role for role in GAIN_ROLES if role in roles), None)


def tied(comparison: AgainstReference, best: str, other: str, column: str) -> bool:
    """Return whether two models are not significantly different on one column."""
    draws = comparison.draws(column)
    reference = comparison.base.name
    if draws is None or reference not in {best, other}:
        return draws is not None and _tied(comparison, draws, best, other)
    task = comparison.judge(best if other == reference else other).task(column)
    return task is None or task.verdict not in {"improved", "regressed"}


def gain_tied(comparison: AgainstReference, best: str, other: str) -> bool:
    """Return whether the gains of two models, over the role that counts as gain, are not significantly different."""
    return _tied_over(comparison, _gain_draws(comparison), best, other)


def all_tied(comparison: AgainstReference, best: str, other: str) -> bool:
    """Return whether the means of two models over all tasks are not significantly different."""
    draws = [comparison.draws(column.column) for column in comparison.columns]
    return _tied_over(comparison, [of_column for of_column in draws if of_column is not None], best, other)


def _tied_over(comparison: AgainstReference, draws: Sequence[Draws], best: str, other: str) -> bool:
    """Return whether two models are tied on their mean over the tasks that both have."""
    from tcmbench.stats.draws import mean_over_tasks

    pair = {best: best, other: other}
    both = [of_task.only(pair) for of_task in draws if pair.keys() <= set(of_task.names)]
    return bool(both) and _tied(comparison, mean_over_tasks(both), best, other)


def _tied(comparison: AgainstReference, draws: Draws, best: str, other: str) -> bool:
    from tcmbench.stats.ranking import tied

    policy = comparison.policy
    return tied(draws, best, other, level=1 - policy.alpha, equivalence=policy.equivalence)


def rank_ranges(comparison: AgainstReference) -> dict[str, tuple[int, int]]:
    """Return the best and worst rank by gain of every model with a score on all tasks that count as gain."""
    from tcmbench.stats.draws import mean_over_tasks
    from tcmbench.stats.ranking import rank_ranges

    role = gain_role(comparison.columns)
    draws = _gain_draws(comparison)
    if not draws or len(draws) < sum(column.role == role for column in comparison.columns):
        return {}
    whole = {m.name: m.name for m in comparison.models if all(m.name in of_column.names for of_column in draws)}
    if not whole:
        return {}
    policy = comparison.policy
    means = mean_over_tasks([of_column.only(whole) for of_column in draws])
    return rank_ranges(means, level=1 - policy.alpha, equivalence=policy.equivalence)


def borda(comparison: AgainstReference) -> dict[str, float]:
    """Return the share of possible Borda points of every model with a score in every column."""
    import numpy as np

    from tcmbench.stats.ranking import borda

    draws = [comparison.draws(column.column) for column in comparison.columns]
    scores = {
        model.name: [of_column.value(model.name) for of_column in draws if of_column and model.name in of_column.names]
        for model in comparison.models
    }
    whole = {name: values for name, values in scores.items() if len(values) == len(comparison.columns)}
    if not whole:
        return {}
    points = borda(np.array(list(whole.values())))
    return {name: float(share) for name, share in zip(whole, points, strict=True)}


def front(verdicts: Mapping[str, ModelVerdict], *, role: Role | None) -> frozenset[str]:
    """Return the names of the variants on the Pareto front of gain against backward transfer.

    Args:
        verdicts: Model → verdict against the reference.
        role: Role that counts as gain.
    """
    from tcmbench.stats.ranking import on_front

    points = {
        name: (gain.value, kept.value)
        for name, verdict in verdicts.items()
        if verdict.kind == "variant"
        and role is not None
        and (gain := verdict.mean_change(role)) is not None
        and (kept := verdict.mean_change("general")) is not None
    }
    if not points:
        return frozenset()
    leads = on_front([gain for gain, _ in points.values()], [kept for _, kept in points.values()])
    return frozenset(name for name, leading in zip(points, leads, strict=True) if leading)


def _gain_draws(comparison: AgainstReference) -> list[Draws]:
    role = gain_role(comparison.columns)
    draws = [comparison.draws(column.column) for column in comparison.columns if column.role == role]
    return [of_column for of_column in draws if of_column is not None]
