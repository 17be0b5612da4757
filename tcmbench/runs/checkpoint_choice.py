"""Choice of a checkpoint by the gate: `select = "gate"` takes the last that passes on the probe.

The choice is stored with everything that it depends on. The items of the probe are among those of the suite, so the
figures of the chosen model are those of a model that was selected on a part of them; the board says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from tcmbench import models
from tcmbench.errors import EvaluationError, StoreError
from tcmbench.records.reason import Reason, Reasons
from tcmbench.runs import trajectories
from tcmbench.store import key, read_json, write_json
from tcmbench.tuning import trajectory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.variant import Variant
    from tcmbench.tuning.recipe import Recipe
    from tcmbench.tuning.tune import Tuned
    from tcmbench.workspace import Workspace

KIND = "choices"
_FILE = "choice.json"
_STAGE = "choice 1"


class Choice(BaseModel):
    """The checkpoint that was chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int | None
    """Step of the last checkpoint that passes; None where none does."""

    passed: dict[int, bool]
    """Step → whether it passes, of all that were measured."""


def choose(workspace: Workspace, model_set: ModelSet, tuned: Tuned, planned: PlannedSuite) -> Choice:
    """Choose among the measured checkpoints of one seed, and store the choice.

    Raises:
        EvaluationError: The checkpoints were not measured.
    """
    from tcmbench.comparison.trajectory import changes

    measured = trajectories.of_seeds(workspace, [tuned], planned, reference=model_set.reference)
    if measured is None:
        raise EvaluationError(f"{tuned.model.name}: its checkpoints were not measured. Run the set again.")
    steps = changes(
        measured,
        name=tuned.model.name,
        model_set=model_set,
        suite=planned.suite,
        policy=workspace.policies(model_set).reference,
    )
    passed = {change.step: change.passed for change in steps}
    choice = Choice(step=max((step for step, passes in passed.items() if passes), default=None), passed=passed)
    with workspace.store.build(KIND, _key(workspace, model_set, tuned, planned), replaces=True) as part:
        write_json(part / _FILE, choice.model_dump(mode="json"))
    return choice


def chosen(
    workspace: Workspace,
    model_set: ModelSet,
    recipe: Recipe,
    tuned: Tuned,
    planned: PlannedSuite,
    *,
    loads: bool = False,
) -> Tuned | None:
    """Return the tuned model with the checkpoint that was chosen; None where none was chosen yet.

    Args:
        workspace: Where the store is.
        model_set: The set, whose policy decides.
        recipe: The recipe of the variant.
        tuned: Its tuned model.
        planned: The suite.
        loads: Whether the model will be loaded, so that its weights must be there, as they were written.

    Raises:
        EvaluationError: No checkpoint passes, or the chosen one was removed.
        DamagedArtefact: Its weights are not as they were written.
    """
    if recipe.variant.select == "last":
        return tuned
    choice = stored(workspace, model_set, tuned, planned)
    points = trajectory.recorded(workspace.store, tuned.folder.name)
    if choice is None or points is None:
        return None
    if choice.step is None:
        raise EvaluationError(
            f"{tuned.model.name}: none of its {len(choice.passed)} measured checkpoints passes the gate on the probe, "
            'so select = "gate" has no model. Lower training.learning_rate or add [training.keep]; select = "last" '
            "shows what was lost."
        )
    revision = next((point.revision for point in points.points if point.step == choice.step), None)
    if revision is None:
        return None
    if revision == tuned.model.revision:
        return tuned
    name, step = tuned.folder.name, f"step-{choice.step}"
    if loads and workspace.store.open(trajectory.CHECKPOINTS, name, step) is None:
        raise EvaluationError(
            f"{tuned.model.name}: the checkpoint that was chosen, {step}, is no longer in {workspace.cache}. Remove "
            f"the model to train it again: tcmbench cache delete {recipe.variant.name}"
        )
    folder = workspace.store.path(trajectory.CHECKPOINTS, name) / step
    return replace(tuned, model=replace(tuned.model, model_dir=folder, revision=revision))


def stored(workspace: Workspace, model_set: ModelSet, tuned: Tuned, planned: PlannedSuite) -> Choice | None:
    """Return the stored choice; None where there is none."""
    folder = workspace.store.open(KIND, _key(workspace, model_set, tuned, planned))
    if folder is None:
        return None
    try:
        return Choice.model_validate(read_json(folder / _FILE))
    except ValidationError as error:
        raise StoreError(f"{folder / _FILE}: not what tcmbench wrote: {error}. Delete it and run again.") from error


def said(
    workspace: Workspace, model_set: ModelSet, variant: Variant, tuned: Sequence[Tuned], planned: PlannedSuite
) -> Reasons:
    """Return how the checkpoints of a variant were chosen, for the board; empty for the last ones."""
    if variant.select == "last" or not tuned:
        return Reasons()
    choices = [stored(workspace, model_set, one, planned) for one in tuned]
    steps = ", ".join("?" if choice is None else str(choice.step) for choice in choices)
    items = trajectories.probe_of(planned).suite.limit
    return Reasons([Reason.of("selected", items=items, steps=steps)])


def _key(workspace: Workspace, model_set: ModelSet, tuned: Tuned, planned: PlannedSuite) -> str:
    roles = sorted((column.column, column.role) for column in planned.suite.tasks)
    return key(
        _STAGE,
        {
            "measured": trajectories.job_key(tuned.folder.name, model_set.reference, planned),
            "reference": models.base_model(workspace, model_set.reference).revision,
            "policy": workspace.policies(model_set).reference.model_dump(mode="json"),
            "roles": [list(role) for role in roles],
        },
    )
