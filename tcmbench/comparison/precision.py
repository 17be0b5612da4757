"""What a suite can see: how large a loss a comparison with the reference shows, from the spread of stored scores."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.comparison.needed import noise
from tcmbench.errors import ScoreMissing
from tcmbench.specs.suite import ROLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.comparison.reference import AgainstReference
    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.specs.suite import Role
    from tcmbench.stats.power import Noise


class Wanted(NamedTuple):
    """What a margin needs: a loss of this size is shown, and an unchanged model passes it, with a chance of 80%."""

    margin: float
    """In points."""

    factor: float | None
    """Times the present items, at the present seeds; below 1 where fewer are enough, None where no number is."""

    seeds: int | None
    """Seeds on the present items; None where no number is enough, or their noise is unknown."""


class TaskPrecision(NamedTuple):
    """A single task."""

    column: str
    role: Role
    metric: str
    items: int
    """Independent items: patients, where records have them."""

    error: float
    """Standard error of the change, in points: the median over the models."""

    smallest: float
    """Smallest loss that is called significant with a chance of 80%, in points."""

    items_needed: tuple[tuple[float, int | None], ...]
    """Margin → independent items with which a loss of it is; None where no number is enough."""


class RolePrecision(NamedTuple):
    """The mean over the tasks of a role."""

    role: Role
    tasks: int
    noise: Noise
    smallest: float
    """Smallest loss whose interval excludes zero with a chance of 80%, in points."""

    wanted: tuple[Wanted, ...]
    """One per margin."""


class Precision(NamedTuple):
    """What a suite can see."""

    models: tuple[str, ...]
    """Models whose differences from the reference have the spread."""

    are_variants: bool
    """Whether they were tuned from it; else they are other models, whose spread is larger."""

    roles: tuple[RolePrecision, ...]
    tasks: tuple[TaskPrecision, ...]


def precision(comparison: AgainstReference, *, margins: Sequence[float]) -> Precision:
    """Return what the suite of a comparison can see, from its variants; without any, from its other models.

    Args:
        comparison: Models with their reference.
        margins: Losses in points to which the numbers of items and seeds are given.

    Raises:
        ScoreMissing: No model has a score on a column that the reference has one on, too.
    """
    others = [model for model in comparison.models if model is not comparison.base]
    variants = [model for model in others if model.entry.kind == "variant"]
    verdicts = [verdict for model in (variants or others) if (verdict := comparison.judge(model.name)).tasks]
    if not verdicts:
        raise ScoreMissing(
            f"no model has a score on the same column as the reference {comparison.base.name}, so the spread of "
            "their differences is unknown. Measure the set first, with at least one model beside the reference."
        )
    return Precision(
        models=tuple(verdict.name for verdict in verdicts),
        are_variants=bool(variants),
        roles=tuple(of_role for role in ROLES if (of_role := _role(comparison, verdicts, role, margins)) is not None),
        tasks=tuple(
            _task(comparison, verdicts, column.column, margins)
            for column in comparison.columns
            if any(verdict.task(column.column) for verdict in verdicts)
        ),
    )


def _role(
    comparison: AgainstReference, verdicts: Sequence[ModelVerdict], role: Role, margins: Sequence[float]
) -> RolePrecision | None:
    from tcmbench.stats import power

    models = {model.name: model for model in comparison.models}
    columns = [column.column for column in comparison.columns if column.role == role]
    sources = [
        noise(comparison, models[verdict.name], change, columns)
        for verdict in verdicts
        if role not in verdict.partial and (change := verdict.mean_change(role)) is not None
    ]
    if not sources:
        return None
    typical = _typical(sources)
    alpha = comparison.policy.alpha
    wanted = []
    for margin in margins:
        error = power.error_for(margin, alpha=alpha)
        wanted.append(Wanted(margin, power.items_factor(typical, error=error), power.seeds_for(typical, error=error)))
    smallest = power.smallest_loss(typical.error, alpha=alpha)
    return RolePrecision(role, len(columns), typical, smallest, tuple(wanted))


def _task(
    comparison: AgainstReference, verdicts: Sequence[ModelVerdict], column: str, margins: Sequence[float]
) -> TaskPrecision:
    from tcmbench.stats import power

    models = {model.name: model for model in comparison.models}
    judged = [(models[v.name], task) for v in verdicts if (task := v.task(column)) is not None]
    typical = _typical([noise(comparison, model, task.delta, [column]) for model, task in judged])
    first = judged[0][1]
    alpha = comparison.policy.alpha / _family(comparison, first.role)
    needed = []
    for margin in margins:
        factor = power.items_factor(typical, error=power.error_for(margin, alpha=alpha))
        needed.append((margin, None if factor is None else max(2, round(factor * first.n_clusters))))
    return TaskPrecision(
        column=column,
        role=first.role,
        metric=first.metric,
        items=first.n_clusters,
        error=typical.error,
        smallest=power.smallest_loss(typical.error, alpha=alpha),
        items_needed=tuple(needed),
    )


def _family(comparison: AgainstReference, role: Role) -> int:
    """Return the number of tasks that Holm's correction is over, at most; 1 for the only task of a role."""
    counts = {each: sum(column.role == each for column in comparison.columns) for each in ROLES}
    return 1 if counts[role] == 1 else sum(count for count in counts.values() if count > 1)


def _typical(sources: Sequence[Noise]) -> Noise:
    """Return the median of each source of variance over models."""
    trained = [source.seeds for source in sources if source.seeds is not None]
    seeds = [source.number for source in sources if source.seeds is not None]
    typical = sources[0]._replace(items=median(source.items for source in sources), seeds=None, number=1)
    lent = [source.lent for source in sources if source.seeds is not None]
    if not trained:
        return typical
    return typical._replace(seeds=median(trained), number=round(median(seeds)), lent=median(lent))
