"""Gain and forgetting of a variant over the steps of its training, against the reference on the same items."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.comparison.measured import measured_set
from tcmbench.comparison.reference import AgainstReference
from tcmbench.records.entry import Entry
from tcmbench.specs.views import base_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.trajectory import Trajectory
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.policy import Policy
    from tcmbench.specs.suite import Suite, SuiteTask
    from tcmbench.stats.estimates import Estimate


class StepChange(NamedTuple):
    """Change from the reference after a step, in points; None where a task of the role has no score."""

    step: int
    in_domain: Estimate | None
    held_out: Estimate | None
    general: Estimate | None
    """Backward transfer."""

    passed: bool
    """Whether this model would pass the gate on these items."""


def changes(
    trajectory: Trajectory, *, name: str, model_set: ModelSet, suite: Suite, policy: Policy
) -> tuple[StepChange, ...]:
    """Return the change after each step, all steps on the same resamples of the items.

    Args:
        trajectory: Scores of the steps and of the reference.
        name: Name of the variant.
        model_set: The set, with the name of the reference.
        suite: Its suite; columns without a score of the reference on the probe are left out.
        policy: Rules, resamples and their seed.

    Raises:
        NotComparable: Scores of different data, or on different items.
    """
    columns = tuple(column for column in suite.tasks if column.column in trajectory.reference)
    if not columns:
        return ()
    reference = Entry(
        name=model_set.reference,
        title=model_set.reference,
        kind="base",
        scores={column: (score,) for column, score in trajectory.reference.items()},
    )
    names = {step.step: f"{name} after {step.step} steps" for step in trajectory.steps}
    steps = [
        # steps of one training, and no siblings that know of its noise what its own seeds don't
        Entry(name=names[step.step], title=names[step.step], kind="variant", of=(name,), scores=step.scores)
        for step in trajectory.steps
    ]
    measured = measured_set(model_set, suite.model_copy(update={"tasks": columns}), [reference, *steps])
    comparison = AgainstReference(measured, policy=_of_the_probe(policy, suite, columns))
    verdicts = {step: comparison.judge(of_step) for step, of_step in names.items()}
    return tuple(
        StepChange(
            step,
            in_domain=verdict.mean_change("in_domain"),
            held_out=verdict.mean_change("held_out"),
            general=verdict.mean_change("general"),
            passed=verdict.passed,
        )
        for step, verdict in verdicts.items()
    )


def _of_the_probe(policy: Policy, suite: Suite, columns: Sequence[SuiteTask]) -> Policy:
    """Return the rules without the views of a task, which a probe leaves out: a demand on one would never be met."""
    measured = {column.column for column in columns}
    views = {column.column for column in suite.tasks if base_name(column.task) != column.task} - measured
    required = tuple(name for name in policy.required_tasks if name not in views)
    if policy.required_tasks and not required:
        required = tuple(sorted(measured))
    caps = {name: cap for name, cap in policy.caps.items() if name not in views}
    return policy.model_copy(update={"required_tasks": required, "caps": caps})
