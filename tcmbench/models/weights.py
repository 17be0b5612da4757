"""Bases by name, and their weights: from the first of their sources that has them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tcmbench import plugins
from tcmbench.errors import ModelAbsent
from tcmbench.models import completion
from tcmbench.models.agreement import settled
from tcmbench.models.revisions import revision
from tcmbench.models.sources import Search
from tcmbench.records.model import Model
from tcmbench.specs.base import Base

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.models.completion import Unfinished
    from tcmbench.plugins import Plugin
    from tcmbench.workspace import Workspace


def base_model(workspace: Workspace, name: str, *, where: str = "", download: bool = False) -> Model:
    """Return the model of a base, with missing fields of its file filled in from the folder of its weights.

    Args:
        workspace: Workspace of bases and weights.
        name: Name of the base.
        where: Where it is named, for messages.
        download: Whether a model of the hub may be downloaded where no source has the weights.

    Raises:
        UnknownName: No such base.
        ModelAbsent: Its weights aren't on this machine.
        SpecError: Its file contradicts the folder of its weights.
    """
    base = workspace.spec(Base, name, where=where)
    if not base.has_weights:
        return Model(name=name, base=base, model_dir=None, revision=revision(base, None))
    search = _search(workspace, download=download)
    used = _located(base, search)
    model_dir = _fetch(used, base, search)
    unfinished = completion.unfinished(model_dir)
    if unfinished is not None:
        workspace, base = _with_origin(workspace, base, unfinished)
        search = _search(workspace, download=download)
        used = plugins.use("sources", "adapter", {"folder": str(model_dir)}, where=f"base {base.name}")
        model_dir = _fetch(used, base, search)
    base = settled(base, model_dir)
    return Model(
        name=name,
        base=base,
        model_dir=model_dir,
        revision=revision(base, model_dir),
        weights_from=_find(used, base, search),
    )


def source(workspace: Workspace, base: Base, *, download: bool = False) -> Path:
    """Return the folder of a base's own weights, unchanged: a model, an adapter or a checkpoint.

    Args:
        workspace: Workspace that contains the folders.
        base: The base.
        download: Whether a model of the hub may be downloaded where no source has the weights.

    Raises:
        ModelAbsent: No source of the base has them.
    """
    search = _search(workspace, download=download)
    return _fetch(_located(base, search), base, search)


def state(workspace: Workspace, base: Base) -> str:
    """Return `built in`, `server`, `here` or `absent`, for listings; nothing is converted or hashed for it."""
    if not base.has_weights:
        return base.weights
    try:
        origin(workspace, base)
    except ModelAbsent:
        return "absent"
    return "here"


def origin(workspace: Workspace, base: Base) -> str:
    """Return a description of where a base's own weights come from; empty for a folder of this machine.

    Raises:
        ModelAbsent: No source of the base has them.
    """
    search = _search(workspace, download=False)
    return _find(_located(base, search), base, search)


def remedy(workspace: Workspace, base: Base) -> str:
    """Return the commands that get the weights of a base, in one line; empty where there are none."""
    ways = [plugin.module.remedy(base, options=plugin.options) for plugin in _sources(base)]
    if base.derive is not None:
        ways.append(remedy(workspace, workspace.spec(Base, base.derive.base, where=f"base {base.name}: derive")))
    return ", or ".join(way for way in ways if way)


def _search(workspace: Workspace, *, download: bool) -> Search:
    return Search(
        workspace=workspace,
        download=download,
        origin=lambda name: origin(workspace, workspace.spec(Base, name)),
        model=functools.partial(base_model, workspace, download=download),
    )


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


def _with_origin(workspace: Workspace, base: Base, unfinished: Unfinished) -> tuple[Workspace, Base]:
    """Return a base with the name of its own base, which an adapter or checkpoint states where the file doesn't.

    Raises:
        ModelAbsent: It states none, or one that isn't on this machine.
    """
    from tcmbench.models import given  # which finds weights with this module

    if base.tuned_from is not None:
        return workspace, base
    try:
        workspace, name = given.origin(workspace, unfinished)
    except ModelAbsent as error:
        advice = f'Name it in the file of the base: tuned_from = "NAME". ({error})'
        raise ModelAbsent(
            f"base {base.name}: {unfinished.folder} needs the files of the base that it was tuned from. {advice}"
        ) from error
    return workspace, base.model_copy(update={"tuned_from": name})
