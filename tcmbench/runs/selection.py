"""What a run measures: a set, a part of it, or a quick look at it, with models that it doesn't list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tcmbench import tasks
from tcmbench.errors import UnknownName
from tcmbench.models import given
from tcmbench.runs.part import Part
from tcmbench.specs import toml
from tcmbench.specs.base import Base
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.suite import Suite
from tcmbench.store import key
from tcmbench.tasks.given import limited
from tcmbench.workspace import bundled_content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SelectedRun:
    """A set and its part that a run measures."""

    workspace: Workspace
    """Workspace with all models of the set."""

    model_set: ModelSet
    """The set of the board."""

    planned: PlannedSuite
    """Its suite."""

    part: Part
    """Models and columns that are measured; the board has all."""


def select(
    workspace: Workspace,
    name: str = "",
    *,
    models: Sequence[str] = (),
    columns: Sequence[str] = (),
    limit: int | None = None,
    base: str = "",
) -> SelectedRun:
    """Return what a run measures.

    With a limit, or with models that the set doesn't list, the set is another one, without a file: its name says so,
    and its board is not that of the set.

    Args:
        workspace: Where the set is.
        name: Name of a set; empty takes the only one of the workspace.
        models: Models to measure, as users name them, and variants of the set; empty for all of the set. With one that
            it doesn't list, the reference is measured too.
        columns: Tasks or columns of its suite; empty for all.
        limit: Most queries, pairs or texts per task; None for all.
        base: Base of adapters and checkpoints that don't name one.

    Raises:
        UnknownName: No such set, model or task.
    """
    workspace, model_set = given.in_set(workspace, workspace.spec(ModelSet, name or own_set(workspace)))
    workspace, chosen = _models(workspace, model_set, models, base=base)
    added = tuple(name for name in dict.fromkeys(chosen) if name not in _names(workspace, model_set))
    suite = workspace.spec(Suite, model_set.suite, where=f"set {model_set.name}")
    if added:
        changes = {"name": _with_added(workspace, model_set, added), "models": (*model_set.models, *added)}
        model_set = model_set.model_copy(update=changes)
    if limit is not None:
        workspace, suite = limited(workspace, suite, limit)
        model_set = model_set.model_copy(update={"name": f"{model_set.name}-limit-{limit}", "suite": suite.name})
    if added or limit is not None:
        workspace = replace(workspace, given=(*workspace.given, model_set))
    planned = tasks.plan_set(workspace, model_set)
    if added:
        chosen.append(model_set.reference)  # without it, there is nothing to compare them with
    part = Part(frozenset(chosen) if models else None, _columns(suite, columns) if columns else None)
    return SelectedRun(workspace, model_set, planned, part)


_LONGEST = 100
"""Bytes of the name of a set with further models, before its hash."""


def _with_added(workspace: Workspace, model_set: ModelSet, added: Sequence[str]) -> str:
    """Return the name of a set with further models, which is that of its board's folder.

    Folders and servers of equal names are different models, and a long name is cut: both are told apart by a hash.
    """
    name = f"{model_set.name}-and-{'-'.join(added)}"
    cut = name.encode()[:_LONGEST].decode(errors="ignore")
    places: list[Json] = [
        [base.name, base.path, base.hub_id, dict(base.options)]
        for base in workspace.given
        if isinstance(base, Base) and base.name in added
    ]
    return cut if cut == name and not places else f"{cut}-{key('set 1', {'name': name, 'places': places})[:8]}"


def own_set(workspace: Workspace) -> str:
    """Return the set of a workspace that has only one.

    Raises:
        UnknownName: It has none, or several.
    """
    own = [
        name
        for content in workspace.content
        if content != bundled_content()
        for name in toml.names(content / "models/sets")
    ]
    if len(own) == 1:
        return own[0]
    has = f"this workspace has {', '.join(own)}" if own else "this workspace has none of its own"
    raise UnknownName(f"expected the name of a set: {has}. Those that can be run: {_listed(workspace)}.")


def _listed(workspace: Workspace) -> str:
    return ", ".join(workspace.names(ModelSet))


def _models(
    workspace: Workspace, model_set: ModelSet, models: Sequence[str], *, base: str
) -> tuple[Workspace, list[str]]:
    """Return the names of models, and the workspace with the bases of those without a file."""
    own = _tuned_names(workspace, model_set)
    others = [name for name in models if name not in own]
    workspace, called = given.register(workspace, others, tuned_from=base or None, where="--models", also_known=[*own])
    return workspace, [called.get(name, name) for name in models]


def _names(workspace: Workspace, model_set: ModelSet) -> frozenset[str]:
    return frozenset((*model_set.models, *_tuned_names(workspace, model_set)))


def _tuned_names(workspace: Workspace, model_set: ModelSet) -> dict[str, None]:
    """Return the names of a set's variants, cures and forms, in its order."""
    return dict.fromkeys(each.name for each in (*workspace.variants(model_set), *workspace.treated(model_set)))


def _columns(suite: Suite, names: Sequence[str]) -> frozenset[str]:
    """Return the columns of tasks, or single ones.

    Raises:
        UnknownName: The suite has neither.
    """
    chosen: set[str] = set()
    for name in names:
        of_name = {column.column for column in suite.tasks if name in {column.task, column.column}}
        if not of_name:
            known = dict.fromkeys(column.task for column in suite.tasks)
            raise UnknownName.of("task", name, known, where=f"suite {suite.name}")
        chosen |= of_name
    return frozenset(chosen)
