"""Forgetting of a variant over the general tasks.

Backward transfer: Lopez-Paz and Ranzato, "Gradient Episodic Memory" (NIPS 2017), equation 3, with the untuned base as
the earlier state. All tasks have the same weight. The intervals cover the sampling of items (and of seeds), not the
choice of tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.errors import EvaluationError
from tcmbench.stats.draws import mean_over_tasks
from tcmbench.stats.estimates import LEVEL, Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.stats.draws import Draws


class Forgetting(NamedTuple):
    """Change on the general tasks."""

    backward_transfer: Estimate
    """Mean over tasks of (variant − base); negative: forgotten."""

    worst_task: str
    """Task that fell most; of equal ones the first by name."""

    worst: Estimate
    """Its change. It is selected as the lowest, so it is biased downwards."""

    retention: Estimate | None
    """Mean of the variant over mean of the base (1: all kept); None where the base's mean may be zero."""

    worse: float | None
    """Share of items that got worse, averaged over tasks; None where no task has scores of items."""

    tasks: int
    """Number of tasks."""


def forgetting(
    tasks: Mapping[str, Draws],
    variant: str,
    *,
    base: str,
    worse: Mapping[str, float] | None = None,
    level: float = LEVEL,
) -> Forgetting:
    """Return how a variant changed on the general tasks.

    Args:
        tasks: General task → draws that hold the variant and the base.
        variant: Name of the variant in the draws.
        base: Name of the base in the draws.
        worse: Task → share of items that got worse, for tasks whose items have scores of their own.
        level: Level of the intervals.

    Raises:
        EvaluationError: No tasks, tasks that differ in models, or shares of other tasks.
    """
    worse = worse or {}
    if set(worse) - set(tasks):
        raise EvaluationError(f"shares of tasks that are not compared: {', '.join(sorted(set(worse) - set(tasks)))}")
    draws = mean_over_tasks(list(tasks.values()))
    changes = {name: task.value(variant) - task.value(base) for name, task in tasks.items()}
    worst_task = min(sorted(changes), key=changes.__getitem__)
    return Forgetting(
        backward_transfer=draws.difference(variant, base, level=level),
        worst_task=worst_task,
        worst=tasks[worst_task].difference(variant, base, level=level),
        retention=draws.ratio(variant, base, level=level),
        worse=sum(worse.values()) / len(worse) if worse else None,
        tasks=len(tasks),
    )
