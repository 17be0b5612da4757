"""Stored scores of a set, and where its models are declared; the gate never trains or measures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench import tasks
from tcmbench.comparison.measured import measured_set
from tcmbench.errors import SpecError
from tcmbench.models.folder import MARKS
from tcmbench.models.given import in_set
from tcmbench.runs import gather
from tcmbench.specs.base import Base
from tcmbench.specs.model_set import ModelSet

if TYPE_CHECKING:
    from tcmbench.comparison.measured import MeasuredSet
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Place:
    """File and line of a declaration, for tools that annotate lines."""

    file: str
    """Path from the workspace's root."""

    line: int = 1
    """First line of the declaration."""


def read(workspace: Workspace, name: str) -> MeasuredSet:
    """Return a set with its stored scores.

    Raises:
        UnknownName: No such set or suite.
        StoreError: A stored score is damaged.
        NotComparable: Seeds of a variant were measured on different items.
        SpecError: Its suite is a quick look.
    """
    workspace, model_set = in_set(workspace, workspace.spec(ModelSet, name))
    planned = tasks.plan_set(workspace, model_set)
    if planned.suite.limit is not None:
        raise SpecError(
            f"set {name}: suite {planned.suite.name} is a quick look (limit = {planned.suite.limit}), and the gate "
            "judges whole tasks only. Name a suite without a limit."
        )
    return measured_set(model_set, planned.suite, gather.entries(workspace, model_set, planned))


def places(workspace: Workspace, measured: MeasuredSet) -> dict[str, Place]:
    """Return model → where it is declared; a model that was named on the command line is its folder, or nowhere."""
    declared = {m.name: _place(workspace, measured.model_set, m.name, m.entry.kind) for m in measured.models}
    return {name: place for name, place in declared.items() if place is not None}


def _place(workspace: Workspace, model_set: ModelSet, name: str, kind: str) -> Place | None:
    """Return the file and line that declare a model: its own file, the set's, or one of its folder."""
    own = [(folder, name) for folder in (["models/variants"] if kind == "variant" else []) + ["models/bases"]]
    for content in workspace.content:
        for folder, stem in (*own, ("models/sets", model_set.name)):
            path = content / folder / f"{stem}.toml"
            if path.is_file():
                return Place(_shown(path, content), _line(path, f'"{name}"') if stem != name else 1)
    named = (one for one in workspace.given if isinstance(one, Base) and one.name == name and one.path)
    files = (Path(str(base.path)) / mark for base in named for mark in MARKS)
    inside = (path for path in files if path.is_file() and path.resolve().is_relative_to(workspace.root.resolve()))
    return next((Place(workspace.shown(path)) for path in inside), None)


def _line(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, start=1) if text in line), 1)


def _shown(path: Path, content: Path) -> str:
    return path.relative_to(content).as_posix()
