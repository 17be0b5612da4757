"""A model set from end to end: train and measure what is missing, gather the entries, write the board."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from tcmbench import models
from tcmbench.errors import SpecError, TcmbenchError
from tcmbench.evaluation import run
from tcmbench.records import failures
from tcmbench.records.cells import TO_DO, Gap
from tcmbench.runs import entries as board_entries
from tcmbench.runs import status
from tcmbench.specs.base import Base
from tcmbench.specs.suite import Suite
from tcmbench.tuning import leaks, training_data, tune

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.records.cells import Cells
    from tcmbench.records.entry import Entry
    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.variant import Variant
    from tcmbench.trainers import Step
    from tcmbench.tuning.tune import Recipe, Tuned
    from tcmbench.workspace import Workspace

logger = logging.getLogger(__name__)


class Watcher(run.Watcher, Protocol):
    """Who is told how a run goes."""

    def train(self, name: str, step: Step) -> None:
        """A training made a step."""
        ...

    def note(self, text: str) -> None:
        """Something worth a line happened."""
        ...


def measure(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, *, watcher: Watcher) -> list[Entry]:
    """Train and measure what is missing of every model of a set; one that fails doesn't stop the others."""
    with status.Reporter(workspace.store, watcher).watching() as reporter:
        return _measure(workspace, model_set, planned, watcher=reporter)


def _measure(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, *, watcher: Watcher) -> list[Entry]:
    # all of the set is read before anything is measured: a misspelt name ends no run of hours
    bases = [workspace.spec(Base, name, where=f"set {model_set.name}") for name in model_set.models]
    variants = workspace.variants(model_set)
    entries = []
    for base in bases:
        try:
            with failures.explained(f"base {base.name}"):
                model = models.base_model(workspace, base.name)
                cells = run.measure_missing(workspace, model, planned, watcher=watcher)
        except TcmbenchError as error:
            watcher.note(f"{base.name}: {error}")
            entries.append(board_entries.failed_base_entry(base, planned, str(error)))
            continue
        entries.append(board_entries.base_entry(base, cells))
    entries.extend(_variant(workspace, variant, planned, watcher=watcher) for variant in variants)
    return entries


def gather(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite) -> list[Entry]:
    """Return the entries of a set from what the store has, training and measuring nothing."""
    entries = []
    for name in model_set.models:
        base = workspace.spec(Base, name, where=f"set {model_set.name}")
        try:
            with failures.explained(f"base {name}"):
                cells = run.read(workspace, models.base_model(workspace, name), planned)
        except TcmbenchError as error:
            entries.append(board_entries.failed_base_entry(base, planned, str(error)))
            continue
        entries.append(board_entries.base_entry(base, cells))
    entries.extend(stored_variant(workspace, variant, planned) for variant in workspace.variants(model_set))
    return entries


def stored_variant(workspace: Workspace, variant: Variant, planned: PlannedSuite) -> Entry:
    """Return the entry of a variant from what the store has, training and measuring nothing."""
    return _entry(
        workspace,
        variant,
        planned,
        make=lambda recipe, seed: tune.stored(workspace, recipe, seed=seed),
        cells=lambda model: run.read(workspace, model, planned),
    )


def recipe_of(workspace: Workspace, variant: Variant, planned: PlannedSuite | None) -> Recipe:
    """Return the recipe of a variant; with a suite, its leaks are looked for, and dropped where it says so.

    Raises:
        SpecError: Leaks are to be dropped, but there is no suite to look for them in.
        TcmbenchError: The recipe can't be followed.
    """
    if planned is None:
        if variant.drop_leaks:
            raise SpecError(
                f"variant {variant.name}: drop_leaks leaves out the records that stand in the tasks of a suite, and no "
                "suite is given. Add --set SET or --suite SUITE."
            )
        return tune.resolve(workspace, variant)
    found = leaks.find(workspace, training_data.find(workspace, variant), planned)
    drop = found.records if variant.drop_leaks else frozenset()
    summary = found.summary + (f"; {len(drop)} dropped" if variant.drop_leaks else "")
    return tune.resolve(workspace, variant, drop=drop, leaks=summary)


def missing(entries: list[Entry]) -> tuple[str, ...]:
    """Return `model · column: reason` of every score that should be there and isn't."""
    return tuple(
        f"{entry.name} · {column}: {state.state.replace('_', ' ')}: {state.reason}"
        for entry in entries
        for column, state in entry.states.items()
        if state.state != "not_applicable"
    )


def pending(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite) -> int:
    """Return how many scores of a set are still to be measured."""
    total = 0
    for name in model_set.models:
        try:
            with failures.explained(f"base {name}"):
                total += run.pending(run.read(workspace, models.base_model(workspace, name), planned))
        except TcmbenchError:
            continue
    for variant in workspace.variants(model_set):
        entry = stored_variant(workspace, variant, planned)
        waiting = sum(state.state in TO_DO for state in entry.states.values())
        total += waiting * len(variant.seeds)
    return total


def suite_of(workspace: Workspace, model_set: ModelSet) -> Suite:
    """Return the suite of a set."""
    return workspace.spec(Suite, model_set.suite, where=f"set {model_set.name}")


def _variant(workspace: Workspace, variant: Variant, planned: PlannedSuite, *, watcher: Watcher) -> Entry:
    """Train and measure all seeds of a variant; what fails stands in its row."""

    def make(recipe: Recipe, seed: int) -> Tuned:
        found = tune.stored(workspace, recipe, seed=seed)
        if found is not None:
            return found
        name = f"{variant.name}/seed{seed}"
        made = tune.tune(workspace, recipe, seed=seed, progress=lambda step: watcher.train(name, step))
        watcher.note(f"{name}: trained in {float(str(made.outcome['seconds'])):.0f} s")
        return made

    def cells(model: Model) -> Cells:
        return run.measure_missing(workspace, model, planned, watcher=watcher)

    entry = _entry(workspace, variant, planned, make=make, cells=cells)
    if entry.failure:
        watcher.note(f"{variant.name}: {entry.failure}")
    return entry


def _entry(
    workspace: Workspace,
    variant: Variant,
    planned: PlannedSuite,
    *,
    make: Callable[[Recipe, int], Tuned | None],
    cells: Callable[[Model], Cells],
) -> Entry:
    tuned: list[Tuned] = []
    measured: list[Cells] = []
    gaps: dict[str, Gap] = {}
    failure = None
    shared = ""
    try:
        with failures.explained(f"variant {variant.name}"):
            recipe = recipe_of(workspace, variant, planned)
            shared = recipe.leaks
            for seed in variant.seeds:
                made = make(recipe, seed)
                if made is None:
                    why = tune.failure(workspace, recipe, seed=seed)
                    gap = Gap("failed", why) if why else Gap("pending", f"seed {seed} is not trained yet")
                    gaps.update({c.column: gap for c in planned.suite.tasks})
                    failure = why
                    break
                tuned.append(made)
                measured.append(cells(made.model))
                gaps.update(measured[-1].gaps)
    except TcmbenchError as error:
        failure = str(error)
        gaps.update({c.column: Gap("failed", failure) for c in planned.suite.tasks})
    trained = board_entries.Trained(tuned, shared)
    return board_entries.variant_entry(variant, planned, trained=trained, cells=measured, gaps=gaps, failure=failure)
