"""The changes over the steps of a training, judged on a part of each task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.comparison.trajectory import changes
from tcmbench.records.trajectory import Trajectory, TrajectoryStep
from tcmbench.specs.policy import Policy
from tests.boards.fake import Shape, make

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("rule", ["none", "cap", "required", "both required"])
def test_a_demand_on_a_view_is_none_on_the_probe(tmp_path: Path, rule: str) -> None:
    """Checkpoints aren't measured on views of a task; each would be missing one, and none would pass."""
    fake = make(tmp_path, Shape(variants=1, columns=4, items=120, broken=False), seed=2)
    (base,) = (entry for entry in fake.entries if entry.name == fake.model_set.reference)
    reference = {column: scores[0] for column, scores in base.scores.items()}
    first = fake.suite.tasks[0]
    view = first.model_copy(update={"task": f"{first.task}[fields=name+definition]"})
    suite = fake.suite.model_copy(update={"tasks": (*fake.suite.tasks, view)})
    rules: dict[str, dict[str, Any]] = {
        "none": {},
        "cap": {"caps": {view.column: 3.0}},
        "required": {"required_tasks": (view.column,)},
        "both required": {"required_tasks": (view.column, first.column)},
    }
    steps = (TrajectoryStep(5, {column: (score,) for column, score in reference.items()}),)
    policy = Policy(required_gain=None, **rules[rule])
    found = changes(
        Trajectory(120, reference, steps), name="tuned", model_set=fake.model_set, suite=suite, policy=policy
    )
    assert [step.passed for step in found] == [True]
