"""What would decide an undecided gate: seeds, or items and of which tasks, with a chance of 80%.

The true change is taken to be the observed one, which is the best guess and no more than that: near a bound a little
luck moves the numbers a lot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench.specs.suite import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tcmbench.comparison.measured import Measured
    from tcmbench.comparison.reference import AgainstReference
    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.specs.suite import Role
    from tcmbench.stats.estimates import Estimate
    from tcmbench.stats.power import Noise


class MoreItems(NamedTuple):
    """A task that needs more items."""

    column: str
    now: int
    """Independent items: patients, where records have them."""

    needed: int


class Need(NamedTuple):
    """What one undecided rule needs."""

    rule: Literal["backward_transfer", "gain"]
    change: Estimate
    towards: Literal["pass", "fail"]
    """Decision to be expected if the true change is the observed one."""

    error: float
    """Present standard error, in points."""

    error_needed: float
    """Standard error that decides with a chance of 80%; zero where the change is the bound itself."""

    items: tuple[MoreItems, ...]
    """Tasks with more items, at the present seeds: the fewest in total; empty where no number is enough."""

    seeds: int
    """Present number of seeds; of a cure of several seeds together, those that its one model is made from."""

    seeds_needed: int | None
    """Seeds on the present items; None where no number is enough, or the noise of training is unknown."""

    knows_training: bool
    """Whether these numbers contain the noise of training; not where no variant has a second seed."""


def needed(comparison: AgainstReference, verdicts: Iterable[ModelVerdict]) -> dict[str, tuple[Need, ...]]:
    """Return variant → what each of its undecided rules needs; only of those that are inconclusive.

    Args:
        comparison: The comparison that the verdicts are of.
        verdicts: Verdicts against the reference.
    """
    models = {model.name: model for model in comparison.models}
    return {
        verdict.name: tuple(_need(comparison, models[verdict.name], verdict, rule) for rule in _undecided(verdict))
        for verdict in verdicts
        if verdict.outcome == "inconclusive"
    }


def noise(comparison: AgainstReference, model: Measured, change: Estimate, columns: Sequence[str]) -> Noise:
    """Return the sources of variance of a model's mean change over columns."""
    from tcmbench.stats.power import noise_of

    number = comparison.trainings_in(model, columns)
    return noise_of(
        change.interval,
        over_items=comparison.over_items(model.name, columns, level=change.interval.level),
        number=number,
        lent=comparison.lent(model, columns),
        is_single=model.seeds <= 1,
    )


class _Open(NamedTuple):
    """An undecided rule."""

    rule: Literal["backward_transfer", "gain"]
    change: Estimate
    role: Role | None
    """Role of its tasks; None for all tasks."""

    distance: float
    """From the change to the bound that decides it, in points."""

    is_passing: bool
    """Whether the change is on the side of the bound that passes."""


def _undecided(verdict: ModelVerdict) -> list[_Open]:
    policy, result = verdict.policy, verdict.result
    rules = {violation.rule for violation in verdict.violations}
    undecided = []
    if rules & {"backward_transfer", "kept"} and result.kept is not None:
        kept = result.kept
        passes = kept.value > -policy.margin
        # A loss beyond the margin is decided once it is shown to be a loss.
        distance = kept.value + policy.margin if passes else kept.value
        role: Role | None = "general" if policy.keep == "general" else None
        undecided.append(_Open("backward_transfer", kept, role, distance, passes))
    if "gain" in rules and result.gain_in_domain is not None and policy.required_gain is not None:
        gain = result.gain_in_domain
        distance = gain.value - policy.required_gain
        undecided.append(_Open("gain", gain, "in_domain", distance, distance > 0))
    return undecided


def _need(comparison: AgainstReference, model: Measured, verdict: ModelVerdict, rule: _Open) -> Need:
    from tcmbench.stats import power

    tasks = [task for task in verdict.tasks if task.role in ((rule.role,) if rule.role else ROLES)]
    sources = noise(comparison, model, rule.change, [task.task for task in tasks])
    target = power.error_for(rule.distance, alpha=verdict.policy.alpha)
    factor = power.items_factor(sources, error=target)
    items: tuple[MoreItems, ...] = ()
    if factor is not None:
        level = rule.change.interval.level
        variances = [power.error_of(comparison.over_items(model.name, [task.task], level=level)) ** 2 for task in tasks]
        more = power.allocation(variances, [task.n_clusters for task in tasks], factor=factor)
        items = tuple(
            MoreItems(task.task, task.n_clusters, count)
            for task, count in zip(tasks, more, strict=True)
            if count > task.n_clusters
        )
    return Need(
        rule=rule.rule,
        change=rule.change,
        towards="pass" if rule.is_passing else "fail",
        error=sources.error,
        error_needed=target,
        items=items,
        seeds=comparison.trainings_in(model, [task.task for task in tasks]),
        seeds_needed=power.seeds_for(sources, error=target),
        knows_training=sources.seeds is not None,
    )
