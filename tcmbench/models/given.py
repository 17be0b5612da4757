"""Models as users name them: a base, a folder, an adapter, a checkpoint, a model of the hub, or the URL of a server.

Any name that isn't a base's becomes a base without a file, from the settings in its folder, and is part of the
workspace under its own name.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent, SpecError, UnknownName
from tcmbench.models import completion, folder, servers, swift_output, weights
from tcmbench.models.derived_settings import as_its_origin
from tcmbench.specs.base import Base
from tcmbench.specs.names import is_name
from tcmbench.specs.toml import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from tcmbench.specs.model_set import ModelSet
    from tcmbench.workspace import Workspace

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_URL = re.compile(r"https?://", re.IGNORECASE)
_SAYS_NOTHING = frozenset({"model", "output", "outputs", "merged", "final", "checkpoint", "best", "last"})
"""Names of folders that don't identify models; the name of the parent folder is prepended."""

_OF_FILES = (
    "path", "hub_id", "revision", "sources", "derive", "description", "description_zh", "name", "tuned_from",
    "parameters",
)  # fmt: skip


_OF_MODULES = (
    "pooling", "normalize", "max_length", "padding_side", "query_prompt", "document_prompt", "symmetric_prompt",
    "own_prompts",
)  # fmt: skip
"""Settings that sentence-transformers writes beside an adapter."""


def register(
    workspace: Workspace,
    names: Iterable[str],
    *,
    tuned_from: str | None = None,
    where: str = "",
    also_known: Sequence[str] = (),
) -> tuple[Workspace, dict[str, str]]:
    """Return the workspace with a base for each named model, and the name of each.

    Args:
        workspace: Workspace whose bases take precedence.
        names: Models as the user names them.
        tuned_from: Base of adapters and checkpoints that don't name one; itself named in any of these ways.
        where: Where they are named, for messages.
        also_known: Names of variants beside them, which none of the models gets.

    Raises:
        UnknownName: Neither a base nor a folder, a model of the hub or a URL.
        SpecError: A folder without settings that a base needs.
        ModelAbsent: A folder without a model, or a model with an unknown base.
    """
    called: dict[str, str] = {}
    if tuned_from is not None:
        workspace, of_base = register(workspace, [tuned_from], where="--base")
        tuned_from, called = of_base[tuned_from], of_base
    for given in names:
        if given in workspace.names(Base):
            called[given] = given
        if given in called:
            continue
        known = [*also_known, *workspace.names(Base)]
        workspace, base = _base(workspace, given, tuned_from=tuned_from, known=known, where=where)
        if base.name not in workspace.names(Base):
            workspace = replace(workspace, given=(*workspace.given, base))
        called[given] = base.name
    return workspace, called


def in_set(workspace: Workspace, model_set: ModelSet) -> tuple[Workspace, ModelSet]:
    """Return a set with the names of all its models, and the workspace with their bases; relative folders are its own.

    Raises:
        TcmbenchError: One of its models can't be resolved (see `register`).
    """
    listed = {name: _from_root(workspace, name) for name in (*model_set.models, model_set.reference)}
    workspace, called = register(workspace, listed.values(), where=f"set {model_set.name}")
    names = {name: called[given] for name, given in listed.items()}
    models = tuple(names[name] for name in model_set.models)
    return workspace, model_set.model_copy(update={"models": models, "reference": names[model_set.reference]})


def _from_root(workspace: Workspace, name: str) -> str:
    return str(workspace.root / name) if name.startswith(("./", "../")) else name


def _base(
    workspace: Workspace, given: str, *, tuned_from: str | None, known: Sequence[str], where: str
) -> tuple[Workspace, Base]:
    if _URL.match(given):
        return workspace, _of_server(workspace, given, known=known)
    path = folder.at(given)
    if path is not None:
        return _of_folder(workspace, path, tuned_from=tuned_from, known=known)
    if folder.is_file(given):
        raise ModelAbsent(f"{given}: expected the folder of a model, got a file. Data is given as --tasks {given}.")
    if _HUB_ID.fullmatch(given) and not given.startswith("."):
        return _of_hub(workspace, given, tuned_from=tuned_from, known=known)
    if os.sep in given or given.startswith(("~", ".")):
        raise ModelAbsent(f"{given}: expected the folder of a model, but there is no such folder. Correct the path.")
    unknown = UnknownName.of("model", given, known, where=where)
    raise UnknownName(f"{unknown} A folder, a model of the hub (org/name) and the URL of a server are models, too.")


def _of_server(workspace: Workspace, url: str, *, known: Sequence[str]) -> Base:
    base = servers.base_of(url, name_of=lambda model: _clean(model.rstrip("/").rpartition("/")[2]))
    same = next((one for one in workspace.given if isinstance(one, Base) and one.options == base.options), None)
    if same is not None:
        return same
    name = _free(base.name, known, told_apart_by=str(base.options))
    return base.model_copy(update={"name": name})


def _of_folder(
    workspace: Workspace, path: Path, *, tuned_from: str | None, known: Sequence[str]
) -> tuple[Workspace, Base]:
    checkpoint = swift_output.checkpoint(path)
    folder.require_model(checkpoint)
    same = _registered(workspace, checkpoint, tuned_from=tuned_from)
    if same is not None:
        return workspace, same
    return _described(
        workspace, checkpoint, name=_name(checkpoint, known), tuned_from=tuned_from, place={"path": str(checkpoint)}
    )


def _registered(workspace: Workspace, path: Path, *, tuned_from: str | None) -> Base | None:
    """Return the base of a folder that was named before, by a set or in the same command."""
    named = (base for base in workspace.given if isinstance(base, Base) and base.path == str(path))
    return next((base for base in named if tuned_from in {None, base.tuned_from}), None)


def _of_hub(
    workspace: Workspace, hub_id: str, *, tuned_from: str | None, known: Sequence[str]
) -> tuple[Workspace, Base]:
    same = next((base for base in _bases(workspace) if base.hub_id == hub_id), None)
    if same is not None:
        return workspace, same
    # The kind is unknown before the files are available, so it is looked up as an embedding model at first.
    probe = Base(name=_clean(hub_id), kind="embedding", hub_id=hub_id)
    snapshot = weights.source(workspace, probe, download=True)
    name = _free(hub_id.rpartition("/")[2], known, told_apart_by=hub_id)
    return _described(workspace, snapshot, name=name, tuned_from=tuned_from, place={"hub_id": hub_id})


def _described(
    workspace: Workspace, model_dir: Path, *, name: str, tuned_from: str | None, place: dict[str, str]
) -> tuple[Workspace, Base]:
    """Return a base from the settings in its folder, or from the base that it was tuned from."""
    unfinished = completion.unfinished(model_dir)
    if unfinished is not None:
        return _completed(workspace, unfinished, name=name, tuned_from=tuned_from, place=place)
    facts = folder.facts(model_dir)
    if "kind" not in facts:
        raise SpecError(
            f"{model_dir}: no file states whether this is an embedding model or a reranker, nor its pooling: there is "
            "no modules.json, and config.json names a bare network. State both in a base's file: "
            f"tcmbench init --model {model_dir}"
        )
    given = {"kind": facts["kind"].value, "tuned_from": tuned_from, "description": "Settings from its folder.", **place}
    if given["kind"] == "embedding" and "pooling" not in facts and facts.get("architecture") is None:
        raise SpecError(
            f"{model_dir}: no file states its pooling. State it in a base's file: tcmbench init --model {model_dir}"
        )
    return workspace, parse(Base, {"name": name, **given}, where=str(model_dir))


def _completed(
    workspace: Workspace,
    unfinished: completion.Unfinished,
    *,
    name: str,
    tuned_from: str | None,
    place: dict[str, str],
) -> tuple[Workspace, Base]:
    """Return the base of an adapter or checkpoint, with the settings of the base that it was tuned from.

    Those that its own folder states come first.
    """
    if tuned_from is None:
        workspace, tuned_from = origin(workspace, unfinished)
    base = as_its_origin(workspace, workspace.spec(Base, tuned_from))
    own = _OF_MODULES if unfinished.has_modules else ()
    said = base.model_dump(exclude_unset=True, exclude={*_OF_FILES, *own})
    instruction = folder.instruction(unfinished.folder) if base.kind == "reranker" else None
    if instruction is not None:
        said["instruction"] = instruction.value
    what = "An adapter" if unfinished.is_adapter else "A checkpoint"
    description = f"{what} tuned from {tuned_from} elsewhere."
    fields = {**said, "name": name, "tuned_from": tuned_from, "description": description, **place}
    return workspace, parse(Base, fields, where=str(unfinished.folder))


def origin(workspace: Workspace, unfinished: completion.Unfinished) -> tuple[Workspace, str]:
    """Return the base that an adapter or checkpoint names, as one of the workspace's where possible.

    Raises:
        ModelAbsent: It names none, or one that isn't on this machine.
    """
    named = unfinished.base
    if not named:
        raise ModelAbsent(f"{unfinished.folder}: it doesn't name the base that it was tuned from. Name it with --base.")
    known = known_origin(workspace, unfinished)
    if known is not None:
        return workspace, known.name
    _require_end(unfinished)
    try:
        workspace, called = register(workspace, [named])
    except (ModelAbsent, UnknownName) as error:
        raise ModelAbsent(
            f"{unfinished.folder}: it was tuned from {named}, which is not on this machine. Name a local copy with "
            f"--base. ({error})"
        ) from error
    return workspace, called[named]


def _require_end(unfinished: completion.Unfinished) -> None:
    """Check that the bases of a folder, each of which names the next, end somewhere.

    Raises:
        ModelAbsent: One of them names an earlier one.
    """
    seen = {unfinished.folder}
    current: completion.Unfinished | None = unfinished
    while current is not None and (named := folder.at(current.base)) is not None:
        checkpoint = swift_output.checkpoint(named)
        if checkpoint in seen:
            raise ModelAbsent(f"{unfinished.folder}: its base leads back to {checkpoint}. Name the base with --base.")
        seen.add(checkpoint)
        current = completion.unfinished(checkpoint)


def known_origin(workspace: Workspace, unfinished: completion.Unfinished) -> Base | None:
    """Return the base of the workspace that an adapter or checkpoint names; None where it names another or none."""
    path = folder.at(unfinished.base)
    bases = _bases(workspace) if unfinished.base else ()
    return next(
        (
            base
            for base in bases
            if base.has_weights
            and (base.hub_id == unfinished.base or (path is not None and _lies_in(workspace, base, path)))
        ),
        None,
    )


def _bases(workspace: Workspace) -> Iterator[Base]:
    """Yield the bases of the workspace; a broken file is no concern of other models."""
    return (base for _, base in workspace.specs(Base) if isinstance(base, Base))


def _lies_in(workspace: Workspace, base: Base, path: Path) -> bool:
    return any(place.resolve() == path for place in weights.unchanged(workspace, base))


def _name(path: Path, known: Sequence[str]) -> str:
    """Return a name for a folder: its own, with the parent folder's where it isn't distinctive."""
    name = path.name
    if name in _SAYS_NOTHING or re.fullmatch(r"checkpoint-\d+|v\d+-\d{8}-\d{6}", name):
        name = f"{path.parent.name}-{name}"
    return _free(name, known, told_apart_by=str(path))


def _free(name: str, known: Sequence[str], *, told_apart_by: str) -> str:
    """Return a name that no base has, nor any variant beside the model, which would be shown in its place."""
    cleaned = _clean(name)
    if is_name(cleaned) and cleaned not in known:
        return cleaned
    mark = hashlib.sha256(told_apart_by.encode()).hexdigest()[:6]
    return f"{cleaned[:80]}-{mark}"


def _clean(name: str) -> str:
    return re.sub(r"[^\w.-]", "-", name).strip(".") or "model"
