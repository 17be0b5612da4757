"""The models of a set with the items of their stored scores; the gate reads, it never trains or measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench import tasks
from tcmbench.records import items as item_tables
from tcmbench.runs import run_set
from tcmbench.specs.model_set import ModelSet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.records.entry import Entry
    from tcmbench.records.items import Items
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Measured:
    """A model and the items of all its scores."""

    entry: Entry
    """Its row of the board: scores, and why there are none."""

    items: Mapping[str, Items]
    """Column → items, one row a seed."""

    @property
    def name(self) -> str:
        """Name of the base or variant."""
        return self.entry.name

    def points(self, column: str) -> float:
        """Return the score of a column in points, mean over seeds."""
        scores = self.entry.scores[column]
        return 100 * sum(score.record.value for score in scores) / len(scores)


@dataclass(frozen=True, slots=True)
class State:
    """A set as the store knows it."""

    model_set: ModelSet
    planned: PlannedSuite
    models: tuple[Measured, ...]
    """In the set's order: bases, then variants."""

    places: Mapping[str, Place]
    """Model → where it is declared."""

    @property
    def columns(self) -> tuple[SuiteTask, ...]:
        """Columns of the suite."""
        return self.planned.suite.tasks

    def model(self, name: str) -> Measured | None:
        """Return the model of this name."""
        return next((model for model in self.models if model.name == name), None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is declared, for tools that point at a line."""

    file: str
    """Path from the workspace's root."""

    line: int = 1
    """First line that says it."""


def read(workspace: Workspace, name: str) -> State:
    """Return a set with what the store has of it.

    Raises:
        UnknownName: No such set or suite.
        StoreError: A stored score is damaged.
        NotComparable: Seeds of a variant were measured on different items.
    """
    model_set = workspace.spec(ModelSet, name)
    planned = tasks.plan_suite(workspace, run_set.suite_of(workspace, model_set))
    entries = run_set.gather(workspace, model_set, planned)
    return State(
        model_set,
        planned,
        tuple(measured(entry) for entry in entries),
        {entry.name: _place(workspace, model_set, entry.name, entry.kind) for entry in entries},
    )


def measured(entry: Entry) -> Measured:
    """Return an entry with its items read."""
    return Measured(entry, {column: item_tables.read(scores) for column, scores in entry.scores.items() if scores})


def _place(workspace: Workspace, model_set: ModelSet, name: str, kind: str) -> Place:
    """Return the file and line that declare a model: its own file, or the set's where it is spelled there."""
    own = ("models/variants" if kind == "variant" else "models/bases", name)
    for content in workspace.content:
        for folder, stem in (own, ("models/sets", model_set.name)):
            path = content / folder / f"{stem}.toml"
            if path.is_file():
                return Place(_shown(path, content), _line(path, f'"{name}"') if stem != name else 1)
    return Place(f"models/sets/{model_set.name}.toml")


def _line(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, start=1) if text in line), 1)


def _shown(path: Path, content: Path) -> str:
    return path.relative_to(content).as_posix()
