"""The weights of a base, from the first of its sources that has them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import plugins
from tcmbench.errors import ModelAbsent
from tcmbench.models.sources import Search
from tcmbench.specs.base import Base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tcmbench.errors import TcmbenchError
    from tcmbench.plugins import Plugin
    from tcmbench.records.model import Model
    from tcmbench.workspace import Workspace


class Found(NamedTuple):
    """Weights on this machine."""

    folder: Path
    """Their folder."""

    origin: str
    """Where they come from, for boards; empty for a folder of this machine."""


def search(workspace: Workspace, *, download: bool, model: Callable[[str], Model]) -> Search:
    """Return what the sources of a workspace's bases may use; `model` returns that of another base."""
    return Search(
        workspace=workspace,
        download=download,
        origin=lambda name: origin(workspace, workspace.spec(Base, name)),
        model=model,
    )


def first(base: Base, search: Search) -> Found:
    """Return the weights of a base from the first of its sources that has them, else from the first that can get them.

    Raises:
        ModelAbsent: None has them; the message has the reason of each.
    """
    used = _located(base, search)
    return Found(_fetch(used, base, search), _find(used, base, search))


def completed(base: Base, folder: Path, search: Search) -> Found:
    """Return the weights of an adapter or checkpoint, completed from the base that it was tuned from.

    Raises:
        ModelAbsent: That base is absent, or they don't fit it.
    """
    used = plugins.use("sources", "adapter", {"folder": str(folder)}, where=f"base {base.name}")
    return Found(_fetch(used, base, search), _find(used, base, search))


def source(workspace: Workspace, base: Base, *, download: bool = False) -> Path:
    """Return the folder of a base's own weights, unchanged: a model, an adapter or a checkpoint.

    Args:
        workspace: Workspace that contains the folders.
        base: The base.
        download: Whether a model of the hub may be downloaded where no source has the weights.

    Raises:
        ModelAbsent: No source of the base has them, or they are derived from those of another base.
    """
    return first(base, search(workspace, download=download, model=_underived)).folder


def unchanged(workspace: Workspace, base: Base) -> Iterator[Path]:
    """Yield the folders and snapshots of a base that are on this machine, where others could have found them."""
    local = search(workspace, download=False, model=_underived)
    for used in _sources(base):
        if used.name in {"folder", "hub"}:
            with contextlib.suppress(ModelAbsent):
                yield _fetch(used, base, local)


def state(workspace: Workspace, base: Base) -> str:
    """Return `built in`, `server`, `here` or `absent`, for listings; nothing is converted or hashed for it."""
    if not base.has_weights:
        return base.weights
    try:
        origin(workspace, base)
    except ModelAbsent:
        return "absent"
    return "here"


def is_absent_base(workspace: Workspace, base: Base, error: TcmbenchError) -> bool:
    """Return whether an error means that a base's weights aren't on this machine, and not that they are damaged."""
    return isinstance(error, ModelAbsent) and state(workspace, base) == "absent"


def origin(workspace: Workspace, base: Base) -> str:
    """Return a description of where a base's own weights come from; empty for a folder of this machine.

    Raises:
        ModelAbsent: No source of the base has them.
    """
    local = search(workspace, download=False, model=_underived)
    return _find(_located(base, local), base, local)


def remedy(workspace: Workspace, base: Base) -> str:
    """Return the commands that get the weights of a base, in one line; empty where there are none."""
    ways = [plugin.module.remedy(base, options=plugin.options) for plugin in _sources(base)]
    if base.derive is not None:
        ways.append(remedy(workspace, workspace.spec(Base, base.derive.base, where=f"base {base.name}: derive")))
    return ", or ".join(way for way in ways if way)


def _underived(name: str) -> Model:
    """Refuse to build weights where only those that exist are looked for.

    Raises:
        ModelAbsent: Always.
    """
    raise ModelAbsent(f"weights that are derived from base {name}: they are built when the model is loaded.")


def _sources(base: Base) -> list[Plugin]:
    where = f"base {base.name}: sources"
    return [plugins.use("sources", place.name, place.options, where=where) for place in base.all_sources]


def _find(used: Plugin, base: Base, search: Search) -> str:
    description: str = used.module.find(base, options=used.options, search=search)
    return description


def _fetch(used: Plugin, base: Base, search: Search) -> Path:
    folder: Path = used.module.fetch(base, options=used.options, search=search)
    return folder


def _located(base: Base, search: Search) -> Plugin:
    """Return the first source that has the weights on this machine, else the first that can download them.

    Raises:
        ModelAbsent: None has them; the message has the reason of each.
    """
    reasons: dict[str, str] = {}
    for action in (_find, _fetch) if search.download else (_find,):
        for used in _sources(base):
            try:
                action(used, base, search)
            except ModelAbsent as error:
                reasons[used.name] = str(error)
            else:
                return used
    raise ModelAbsent(" Or: ".join(reasons.values()))
