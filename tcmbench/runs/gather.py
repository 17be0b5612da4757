"""The entries of a set from the store, without training or measuring."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench import models
from tcmbench.errors import DamagedArtefact, DataAbsent, TcmbenchError
from tcmbench.evaluation import run
from tcmbench.models.weights import is_absent_base
from tcmbench.records import failures
from tcmbench.records.entry import CellState
from tcmbench.records.reason import Reason, Reasons
from tcmbench.runs import checkpoint_choice, serving_figures, trajectories
from tcmbench.runs import entries as board_entries
from tcmbench.runs.cured import stored_treated
from tcmbench.runs.part import WHOLE, Part
from tcmbench.specs.base import Base
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import recipe_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.cells import Cells
    from tcmbench.records.entry import Entry, State
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.records.trajectory import Trajectory
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.variant import Variant
    from tcmbench.tuning.recipe import Recipe
    from tcmbench.tuning.tune import Tuned
    from tcmbench.workspace import Workspace

logger = logging.getLogger(__name__)


def entries(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite) -> list[Entry]:
    """Return the entries of a set, one per model, in the set's order."""
    bases = [workspace.spec(Base, name, where=f"set {model_set.name}") for name in model_set.models]
    variants, treated = workspace.variants(model_set), workspace.treated(model_set)
    found = [
        *(stored_base(workspace, base, planned) for base in bases),
        *(stored_variant(workspace, variant, planned, model_set=model_set) for variant in variants),
        *(stored_treated(workspace, spec, model_set, planned) for spec in treated),
    ]
    return serving_figures.attached(workspace, model_set, planned, found)


def stored_base(workspace: Workspace, base: Base, planned: PlannedSuite) -> Entry:
    """Return the entry of a base; one that can't be loaded has failed on all columns, with the reason."""
    try:
        with failures.explained(f"base {base.name}"):
            model = models.base_model(workspace, base.name)
            cells, settings = run.read(workspace, model, planned), models.trained_elsewhere(workspace, model.base)
    except TcmbenchError as error:
        state: State = "not_measured" if is_absent_base(workspace, base, error) else "failed"
        return board_entries.failed_base_entry(base, planned, str(error), state=state)
    return board_entries.base_entry(model, cells, settings=settings)


def stored_variant(
    workspace: Workspace, variant: Variant, planned: PlannedSuite, *, model_set: ModelSet | None = None
) -> Entry:
    """Return the entry of a variant; a column has scores if all seeds have one.

    Args:
        workspace: Where the store is.
        variant: The variant.
        planned: The suite.
        model_set: Its set, for its trajectory and the choice of a checkpoint; None: the trained model, without them.
    """
    tuned: list[Tuned] = []
    cells: list[Cells] = []
    untrained: list[CellState] = []
    shared = Reasons()
    try:
        with failures.explained(f"variant {variant.name}"):
            recipe = recipe_of(workspace, variant, planned)
            shared = recipe.leaks
            for seed in variant.seeds:
                try:
                    one = tune.stored(workspace, recipe, seed=seed)
                except DamagedArtefact as error:
                    untrained.append(failures.damaged(workspace.store, error))
                    continue
                if one is None:
                    untrained.append(_untrained(workspace, recipe, seed=seed))
                    continue
                if model_set is not None:
                    one = checkpoint_choice.chosen(workspace, model_set, recipe, one, planned)
                if one is None:
                    untrained.append(CellState("pending", Reason.of("unchosen", seed=seed)))
                    continue
                tuned.append(one)
                cells.append(run.read(workspace, one.model, planned))
    except DataAbsent as error:
        untrained.append(CellState("not_measured", Reason.message(error)))
    except TcmbenchError as error:
        is_absent = is_absent_base(workspace, workspace.spec(Base, variant.base), error)
        untrained.append(CellState("not_measured" if is_absent else "failed", Reason.message(error)))
    failure = next((state for state in untrained if state.state != "pending"), None)
    states = {column: state for one in cells for column, state in one.states.items()}
    if untrained:
        states |= dict.fromkeys([column.column for column in planned.suite.tasks], failure or untrained[0])
    entry = board_entries.variant_entry(
        variant,
        planned,
        trained=board_entries.Trained(tuned, shared),
        cells=cells,
        states=states,
        failure=str(failure.reason) if failure else None,
        trajectory=_trajectory(workspace, variant, tuned, planned, model_set=model_set),
    )
    selection = (
        Reasons() if model_set is None else checkpoint_choice.said(workspace, model_set, variant, tuned, planned)
    )
    return replace(entry, selection=selection)


def _trajectory(
    workspace: Workspace, variant: Variant, tuned: Sequence[Tuned], planned: PlannedSuite, *, model_set: ModelSet | None
) -> Trajectory | None:
    """Return the trajectory of a variant; one that can't be read is logged, since all else can be shown."""
    if model_set is None:
        return None
    try:
        with failures.explained(f"trajectory of {variant.name}"):
            return trajectories.read(workspace, variant, tuned, planned, reference=model_set.reference)
    except TcmbenchError as error:
        logger.error("%s: the trajectory is not shown: %s", variant.name, error)
        return None


def _untrained(workspace: Workspace, recipe: Recipe, *, seed: int) -> CellState:
    reason = tune.failure(workspace, recipe, seed=seed)
    return CellState("failed", reason) if reason else CellState("pending", Reason.of("untrained", seed=seed))


def missing(gathered: Sequence[Entry], *, part: Part = WHOLE) -> tuple[str, ...]:
    """Return `model · column: reason` of every missing score of a part of the set."""
    return tuple(
        f"{entry.name} · {column}: {state.state.replace('_', ' ')}: {state.reason}"
        for entry in gathered
        if part.has_model(entry.name)
        for column, state in entry.states.items()
        if state.state != "not_applicable" and (part.columns is None or column in part.columns)
    )
