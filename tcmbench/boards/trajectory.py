"""Gain and forgetting over the steps of a training, as a board shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench.boards.cells import ShownEstimate
from tcmbench.boards.table import StepPoint
from tcmbench.comparison import trajectory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.boards.table import BoardRow
    from tcmbench.comparison.measured import MeasuredSet
    from tcmbench.specs.policy import Policy
    from tcmbench.stats.estimates import Estimate


def with_trajectories(rows: Sequence[BoardRow], measured: MeasuredSet, *, policy: Policy) -> list[BoardRow]:
    """Return the rows with the points of their trajectories, where their checkpoints were measured."""
    entries = {model.name: model.entry for model in measured.models}
    changed = []
    for row in rows:
        scores = entries[row.name].trajectory
        if scores is None:
            changed.append(row)
            continue
        steps = trajectory.changes(
            scores, name=row.name, model_set=measured.model_set, suite=measured.suite, policy=policy
        )
        points = tuple(
            StepPoint(
                step=change.step,
                in_domain=_shown(change.in_domain),
                held_out=_shown(change.held_out),
                general=_shown(change.general),
                passed=change.passed,
            )
            for change in steps
        )
        changed.append(replace(row, trajectory=points, probe_items=scores.limit))
    return changed


def _shown(estimate: Estimate | None) -> ShownEstimate | None:
    return None if estimate is None else ShownEstimate(estimate.value, estimate.interval.low, estimate.interval.high)
