"""The models of a variant, cure or form of a set, as the store has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.runs import checkpoint_choice
from tcmbench.specs.variant import Variant
from tcmbench.treatment import treat
from tcmbench.treatment.treatment import resolve
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import recipe_of

if TYPE_CHECKING:
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.cure import Cure
    from tcmbench.specs.form import Form
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.treatment.treat import Cured
    from tcmbench.tuning.tune import Tuned
    from tcmbench.workspace import Workspace

    Row = Variant | Cure | Form


def rows(workspace: Workspace, model_set: ModelSet) -> dict[str, Row]:
    """Return the variants, cures and forms of a set by their names, in its order."""
    return {row.name: row for row in (*workspace.variants(model_set), *workspace.treated(model_set))}


def seeds(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, row: Row) -> tuple[int, ...]:
    """Return the seeds of a row's models."""
    return row.seeds if isinstance(row, Variant) else resolve(workspace, row, model_set, planned).seeds


def usable(
    workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, row: Row, *, seed: int
) -> Tuned | Cured | None:
    """Return the model that the board shows of a row, all of its files as they were written.

    Args:
        workspace: Where the store is.
        model_set: The set of the row.
        planned: The suite of the set.
        row: The variant, cure or form.
        seed: Seed of the model.

    Returns:
        None where it has to be trained or made first, or its checkpoint is to be chosen yet.

    Raises:
        EvaluationError: No checkpoint passes the gate, or the chosen one was removed.
        TcmbenchError: A recipe that can't be followed.
    """
    if not isinstance(row, Variant):
        return treat.usable(workspace, resolve(workspace, row, model_set, planned), seed=seed)
    recipe = recipe_of(workspace, row, planned)
    tuned = tune.usable(workspace, recipe, seed=seed)
    if tuned is None:
        return None
    return checkpoint_choice.chosen(workspace, model_set, recipe, tuned, planned, loads=True)
