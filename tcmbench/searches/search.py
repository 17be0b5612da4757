"""A search from its space to its outcome: blocks of trials, the selection, and one comparison on the other half."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tcmbench import tasks
from tcmbench.errors import ScoreMissing
from tcmbench.records.events import Note
from tcmbench.records.search import SearchOutcome, TriedRecipe
from tcmbench.searches import study as studies
from tcmbench.searches.key import search_key
from tcmbench.searches.report import line_of
from tcmbench.searches.trials import Bench, ProbeRule, name_of, perform, set_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.events import Emit
    from tcmbench.records.search import TrialState
    from tcmbench.runs.run_set import Execute
    from tcmbench.searches.study import Study, Told
    from tcmbench.specs.space import Proposal, SearchSpace
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Searched:
    """A search that has ended."""

    bench: Bench
    outcome: SearchOutcome

    recipe: Proposal | None
    """The winner with the seeds of its confirmation; None without a winner."""


def search(workspace: Workspace, space: SearchSpace, *, execute: Execute, emit: Emit, together: int = 1) -> Searched:
    """Try the recipes of a space, select one, confirm it, and return the outcome.

    Trials are chosen and performed in blocks. A block is chosen before any of it has ended, so the outcome does not
    depend on which of its trials takes longest.

    Args:
        workspace: Where the space, its suite and its reference are.
        space: The space.
        execute: Performs jobs.
        emit: Receives the events.
        together: Trials of a block.

    Raises:
        ScoreMissing: The reference has no score on some column.
        SpecError: The space doesn't fit its suite.
        StoreError: Another process searches the same space.
    """
    planned = tasks.plan_set(workspace, set_of(space))
    bench = Bench(workspace, space, planned, workspace.policies(set_of(space)).reference, execute, emit)
    rule = ProbeRule.of(bench)
    bench.measure_reference()
    key = search_key(bench)
    began = time.monotonic()
    with studies.opened(workspace.store, space, key) as study:
        while (block := study.running) or study.size < space.trials:
            if not block and space.hours is not None and time.monotonic() - began > 3600 * space.hours:
                emit(Note(f"{space.hours:g} hours are over after {study.size} of {space.trials} trials"))
                break
            # A block ends at a multiple of its size, so that one that was interrupted while it was chosen is completed.
            while study.size < space.trials and (not block or study.size % together):
                block.append(study.ask())
            perform(bench, rule, study, block)
            for trial in _tried(study, space):
                if trial.number in {asked.number for asked in block}:
                    emit(Note(line_of(trial)))
        return _concluded(bench, study, key)


def _concluded(bench: Bench, study: Study, key: str) -> Searched:
    """Return the outcome: the trial with the largest gain of those that pass on the selection half, confirmed."""
    space = bench.space
    trials = _tried(study, space)
    outcome = SearchOutcome(
        space=space.name,
        key=key,
        trials=trials,
        planned=max(space.trials, len(trials)),
        level=1 - bench.policy.alpha,
        margin=bench.policy.margin,
        required_gain=bench.policy.required_gain,
    )
    winner = _best(trials)
    if winner is None:
        nearest = _nearest(trials)
        return Searched(bench, replace(outcome, nearest=None if nearest is None else nearest.number), None)
    recipe = _to_confirm(space, winner)
    # without new seeds this measures only what was removed from the store after the trial
    refused = bench.measure([recipe])
    if refused:
        raise ScoreMissing(
            f"space {space.name}: the winner {winner.name} can't be confirmed: {'; '.join(refused.values())}"
        )
    looks = study.look(winner.number, recipe.variant.seeds)
    outcome = replace(
        outcome,
        winner=winner.number,
        row=recipe.row,
        seeds=recipe.variant.seeds,
        retrained=bool(space.seeds),
        is_one_model=len(recipe.variant.seeds) == 1 or any(cure.seeds == "together" for cure in recipe.cures),
        confirmation=bench.figures(recipe, "confirmation"),
        looks=looks,
    )
    return Searched(bench, outcome, recipe)


def _to_confirm(space: SearchSpace, winner: TriedRecipe) -> Proposal:
    """Return the recipe of the winner with new seeds, or of the trial itself where it isn't trained again."""
    if not space.seeds:
        return space.proposal(dict(winner.parameters), name=winner.name)
    proposal = space.proposal(dict(winner.parameters), name=f"{space.name}-best")
    first = max(proposal.variant.seeds) + 1
    seeds = tuple(range(first, first + space.seeds))
    return proposal._replace(variant=proposal.variant.model_copy(update={"seeds": seeds}))


def _best(trials: Sequence[TriedRecipe]) -> TriedRecipe | None:
    """Return the trial with the largest gain of those that pass on the selection half; of equal ones the first."""
    return max((trial for trial in trials if trial.state == "passed"), key=_gain, default=None)


def _nearest(trials: Sequence[TriedRecipe]) -> TriedRecipe | None:
    """Return the measured trial that misses the fewest points; of equal ones the first."""
    measured = [trial for trial in trials if trial.state == "refused" and trial.selection is not None]
    return min(measured, key=lambda trial: trial.selection.shortfall if trial.selection else 0.0, default=None)


def _gain(trial: TriedRecipe) -> float:
    gain = trial.selection.gain if trial.selection else None
    return float("-inf") if gain is None else gain.value


def _tried(study: Study, space: SearchSpace) -> tuple[TriedRecipe, ...]:
    return tuple(
        TriedRecipe(
            number=told.number,
            name=name_of(space, told.number),
            state=_state(told),
            parameters=told.parameters,
            selection=told.figures,
            reason=told.reason,
        )
        for told in study.ended
    )


def _state(told: Told) -> TrialState:
    if told.state == "stopped":
        return "stopped"
    if told.figures is None:
        return "failed"
    return "passed" if told.figures.passed else "refused"
