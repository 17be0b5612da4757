"""Gain and forgetting over the steps of a training: kept checkpoints, measured on a part of each task of the suite.

The part is a fixed sample of each task's items, chosen by hash as for a quick look, with scores of its own. The
reference is measured on the same part, so every point is a paired difference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench import models
from tcmbench.errors import EvaluationError, StoreError
from tcmbench.evaluation import run
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.records.trajectory import Trajectory, TrajectoryStep
from tcmbench.specs.views import base_name
from tcmbench.store import Json, key
from tcmbench.tuning import trajectory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.events import Emit
    from tcmbench.records.model import Model
    from tcmbench.records.score import Score
    from tcmbench.specs.variant import Variant
    from tcmbench.tuning.recipe import Recipe
    from tcmbench.tuning.tune import Tuned
    from tcmbench.workspace import Workspace

PROBE_ITEMS = 300
"""Most queries, pairs or texts per task of a probe."""


def probe_of(planned: PlannedSuite) -> PlannedSuite:
    """Return the part of a suite that checkpoints are measured on: its tasks, without further views of them."""
    limit = min(PROBE_ITEMS, planned.suite.limit or PROBE_ITEMS)
    columns = {column.column for column in planned.suite.tasks}
    own = tuple(
        column
        for column in planned.suite.tasks
        if base_name(column.task) == column.task
        or column.model_copy(update={"task": base_name(column.task)}).column not in columns
    )
    suite = planned.suite.model_copy(update={"tasks": own, "limit": limit})
    tasks = {name: replace(task, limit=limit) for name, task in planned.tasks.items()}
    return PlannedSuite(suite, tasks, planned.absent)


def job_key(name: str, reference: str, planned: PlannedSuite) -> str:
    """Return the key of the measuring of a tuned model's checkpoints.

    Args:
        name: Key of the tuned model.
        reference: Name of the set's reference.
        planned: The suite of the set.
    """
    probe = probe_of(planned)
    measured: list[Json] = [
        [probe.tasks[column.task].measured_revision, column.column]
        for column in probe.suite.tasks
        if column.task in probe.tasks
    ]
    return key("trajectory 1", {"model": name, "reference": reference, "columns": measured})


def is_measured(workspace: Workspace, tuned: Tuned, reference: str, planned: PlannedSuite) -> bool:
    """Return whether a trajectory has all scores that it can have, and so has the reference."""
    probe = probe_of(planned)
    points = _recorded(workspace, tuned)
    if not points:
        return False
    base = models.base_model(workspace, reference)
    return not any(run.missing(workspace, model, probe) for model in (base, *(model for _, model in points)))


def measure(
    workspace: Workspace,
    recipe: Recipe,
    tuned: Tuned,
    planned: PlannedSuite,
    *,
    reference: str,
    emit: Emit,
    device: str | None = None,
) -> None:
    """Measure the checkpoints of a tuned model, itself and the reference on the probe, and store which they were.

    The weights of the checkpoints are removed afterwards.

    Raises:
        EvaluationError: A score could not be measured.
        StoreError: The checkpoints are gone, and other scores are wanted than were measured.
    """
    probe, store, name = probe_of(planned), workspace.store, tuned.folder.name
    with store.lock(trajectory.KIND, name):
        points = [
            *trajectory.checkpoints(store, recipe, name, seed=tuned.model.seed),
            trajectory.Checkpoint(_last_step(tuned), tuned.model),
        ]
        recorded = trajectory.recorded(store, name)
        if recorded is not None and len(points) < len(recorded.points):
            raise StoreError(
                f"{tuned.model.name}: its checkpoints were removed after they were measured on other data. Remove the "
                f"model to train it again: tcmbench cache delete {recipe.variant.name}"
            )
        for model in (models.base_model(workspace, reference), *(point.model for point in points)):
            run.measure(workspace, model, run.missing(workspace, model, probe), probe, emit=emit, device=device)
            failed = run.missing(workspace, model, probe)
            if failed:
                states = run.read(workspace, model, probe).states
                raise EvaluationError(
                    f"{model.name}: {failed[0].column} could not be measured on the probe of its checkpoints: "
                    f"{states[failed[0].column].reason}"
                )
        trajectory.record(store, name, recipe, points, seed=tuned.model.seed)


def read(
    workspace: Workspace, variant: Variant, tuned: Sequence[Tuned], planned: PlannedSuite, *, reference: str
) -> Trajectory | None:
    """Return the measured trajectory of a variant over all its seeds; None where some seed has none.

    Steps and columns that not all seeds, or the reference, have are left out.
    """
    if not variant.evaluate_checkpoints or len(tuned) < len(variant.seeds):
        return None
    return of_seeds(workspace, tuned, planned, reference=reference)


def of_seeds(
    workspace: Workspace, tuned: Sequence[Tuned], planned: PlannedSuite, *, reference: str
) -> Trajectory | None:
    """Return the measured trajectory of some seeds of a variant; None where some seed has none."""
    probe = probe_of(planned)
    by_seed = [dict(_recorded(workspace, one)) for one in tuned]
    base = run.read(workspace, models.base_model(workspace, reference), probe).scores
    steps: list[TrajectoryStep] = []
    for step in sorted(set.intersection(*(set(points) for points in by_seed))):
        cells = [run.read(workspace, points[step], probe).scores for points in by_seed]
        shared = [name for name in base if all(name in scores for scores in cells)]
        of_step: dict[str, tuple[Score, ...]] = {name: tuple(scores[name] for scores in cells) for name in shared}
        if of_step:
            steps.append(TrajectoryStep(step, of_step))
    if not steps:
        return None
    return Trajectory(limit=probe.suite.limit or PROBE_ITEMS, reference=base, steps=tuple(steps))


def _recorded(workspace: Workspace, tuned: Tuned) -> list[tuple[int, Model]]:
    """Return step and model of each measured checkpoint; the models have no folder of weights."""
    stored = trajectory.recorded(workspace.store, tuned.folder.name)
    if stored is None:
        return []
    return [(point.step, replace(tuned.model, model_dir=None, revision=point.revision)) for point in stored.points]


def _last_step(tuned: Tuned) -> int:
    """Return the step of the tuned model, which is that of an early stop where there was one."""
    step = tuned.outcome.get("steps")
    if not isinstance(step, int):
        raise StoreError(f"{tuned.folder}: expected the number of steps in outcome.json, got {step!r}. Train it again.")
    return step
