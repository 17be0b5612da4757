"""A model set from end to end: measure what is missing, gather the entries, write the board."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent, TcmbenchError
from tcmbench.evaluation import board_entries, models, run
from tcmbench.specs.base import Base
from tcmbench.specs.suite import Suite

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.entry import Entry
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.workspace import Workspace

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    entries: tuple[Entry, ...]
    """One a model, in the set's order."""

    files: tuple[Path, ...]
    """What was written."""

    missing: tuple[str, ...]
    """`model · column: reason` of every score that should be there and isn't."""


def measure(
    workspace: Workspace, model_set: ModelSet, planned: run.Plan, *, watcher: run.Watcher
) -> list[Entry]:
    """Measure what is missing of every model of a set; one that fails doesn't stop the others."""
    entries = []
    for name in model_set.models:
        base = workspace.spec(Base, name, where=f"set {model_set.name}")
        try:
            model = models.base_model(workspace, name)
            cells = run.measure_missing(workspace, model, planned, watcher=watcher)
        except (ModelAbsent, TcmbenchError) as error:
            logger.error("%s: %s", name, error)
            entries.append(board_entries.failed_base_entry(base, planned, str(error)))
            continue
        entries.append(board_entries.base_entry(base, cells))
    return entries


def gather(workspace: Workspace, model_set: ModelSet, planned: run.Plan) -> list[Entry]:
    """Return the entries of a set from what the store has, measuring nothing."""
    entries = []
    for name in model_set.models:
        base = workspace.spec(Base, name, where=f"set {model_set.name}")
        try:
            cells = run.read(workspace, models.base_model(workspace, name), planned)
        except TcmbenchError as error:
            entries.append(board_entries.failed_base_entry(base, planned, str(error)))
            continue
        entries.append(board_entries.base_entry(base, cells))
    return entries


def write_board(workspace: Workspace, model_set: ModelSet, planned: run.Plan, entries: list[Entry]) -> Result:
    """Write the board of a set and say what is missing on it."""
    from tcmbench.boards import build, render

    cards = board_entries.task_cards(workspace, planned)
    table = build.build(model_set, planned.suite, entries, options=build.Options(cards=cards))
    files = render.write(table, workspace.leaderboards / model_set.name)
    missing = [
        f"{entry.name} · {column}: {state.state.replace('_', ' ')}: {state.reason}"
        for entry in entries
        for column, state in entry.states.items()
        if state.state != "not_applicable"
    ]
    return Result(tuple(entries), tuple(files), tuple(missing))


def pending(workspace: Workspace, model_set: ModelSet, planned: run.Plan) -> int:
    """Return how many scores of a set are still to be measured."""
    total = 0
    for name in model_set.models:
        try:
            total += run.pending(run.read(workspace, models.base_model(workspace, name), planned))
        except TcmbenchError:
            continue
    return total


def suite_of(workspace: Workspace, model_set: ModelSet) -> Suite:
    """Return the suite of a set."""
    return workspace.spec(Suite, model_set.suite, where=f"set {model_set.name}")
