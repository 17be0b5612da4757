"""What the store holds: artefacts by kind, size and age, and the models that they belong to."""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.errors import StoreError, UnknownName
from tcmbench.store import read_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tcmbench.store import Json, Store

KINDS = {
    "scores": "scores with their items",
    "models": "tuned models",
    "cured": "models made by cures, and forms",
    "work": "checkpoints of unfinished trainings",
    "completed": "adapters merged into their base",
    "converted": "weights converted from packages",
    "derived": "bases with a part of the vocabulary of another",
    "trainsets": "training sets",
    "embeddings": "vectors of texts",
    "canaries": "what models behind servers gave for a few texts",
    "candidates": "candidate lists of tasks",
    "contents": "hashes of training data",
    "leaks": "reports of leaks",
    "checkpoints": "models of checkpoints that are to be measured",
    "trajectories": "measured checkpoints of trainings",
    "choices": "checkpoints that were chosen by the gate",
    "general_texts": "general texts of trainings",
    "general_vectors": "vectors of general texts by the base",
    "synthetic": "generated data",
    "answers": "answers of chat models",
    "serving": "costs of running models",
    "boards": "rendered leaderboards",
    "searches": "trials of searches",
    "failures": "reasons of failed work",
    "mteb": "result files for mteb's tools",
    "leftovers": "folders of killed processes",
}
"""Kinds of artefacts with their descriptions; folders of other kinds are listed, too."""

CHEAP = ("embeddings", "boards", "mteb", "leftovers")
"""Kinds that take minutes to recompute, not hours."""

OWNER = "owner.json"
"""Name of the file in the folder of an unfinished training that names its model and training set."""

RUNNING = "running"
"""Folder of the marks of runs in progress; it holds no artefacts."""

_NAME_IN_MTEB = re.compile(r"tcmbench(?:/|__)(.+?)(?:-(seed\d+))?")
"""Pattern of a model's name in mteb's results and in the vectors: mteb allows one slash."""

_PART = re.compile(r"\..*\.part")
_ABANDONED_SECONDS = 86_400.0
"""Seconds without a write after which a temporary folder is considered abandoned by its process."""

_OWNERS = {
    "scores": "score.json",
    "models": "outcome.json",
    "cured": "outcome.json",
    "trajectories": "trajectory.json",
    "work": OWNER,
    "embeddings": "space.json",
    "canaries": "canaries.json",
}
"""Kinds whose artefacts belong to a model, and the file that names the model."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """A folder or file of the store that is deleted as a whole."""

    kind: str
    """Folder of the store, or `leftovers`."""

    key: str
    """Name within its kind."""

    path: Path

    size: int
    """Bytes of all its files."""

    used: float
    """When it was last written, in seconds since 1970; vectors of texts: last opened."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The model that an artefact belongs to; empty where the artefact doesn't name one."""

    model: str = ""
    """A base, or `variant/seed<k>`."""

    revision: str = ""
    """Hash of everything that changes the model's scores."""

    trainset: str = ""
    """Key of the training set that it was trained on."""


def artefacts(store: Store, *, kinds: Collection[str] = ()) -> tuple[Artefact, ...]:
    """Return the artefacts of some kinds, longest unused first; of all kinds where none are named.

    Raises:
        UnknownName: No such kind.
    """
    present = {path.name for path in store.root.iterdir() if path.is_dir()} if store.root.is_dir() else set()
    known = (present | KINDS.keys()) - {RUNNING}
    for kind in kinds:
        if kind not in known:
            raise UnknownName.of("kind of artefact", kind, known)
    listed = (
        _measured(_kind_of(path, folder), path, root=store.root / folder)
        for folder in sorted(known - {"leftovers"})
        for path in _paths(store.root / folder)
    )
    now = time.time()
    selected = [
        artefact
        for artefact in listed
        if (not kinds or artefact.kind in kinds)
        and (artefact.kind != "leftovers" or now - artefact.used > _ABANDONED_SECONDS)
    ]
    return tuple(sorted(selected, key=lambda artefact: (artefact.used, artefact.kind, artefact.key)))


def owner(artefact: Artefact) -> Owner:
    """Return the model that an artefact belongs to; one whose file is damaged belongs to none."""
    if artefact.kind == "mteb":
        return Owner(_name(artefact.path.parent.name), artefact.path.name)
    name = _OWNERS.get(artefact.kind)
    facts: Json = None
    if name is not None:
        with contextlib.suppress(OSError, StoreError):
            facts = read_json(artefact.path / name)
    if not isinstance(facts, dict):
        return Owner()
    model = facts.get("model") or (f"{facts['variant']}/seed{facts.get('seed')}" if "variant" in facts else "")
    revision = facts.get("model_revision") or facts.get("revision") or ""
    return Owner(_name(str(model)), str(revision), str(facts.get("trainset", "")))


def belonging_to(store: Store, model: str) -> tuple[Artefact, ...]:
    """Return the artefacts that depend on a model: those lost with it and those that nothing else uses.

    These are its scores, its vectors, mteb's result files, its tuned weights, its unfinished training and the training
    sets that no other model was trained on. Scores and vectors belong to weights: a model of another name with equal
    weights loses them, too. Boards that show the model and training sets whose negatives it chose are complete without
    it and stay, and so do models that were tuned from it.

    Args:
        store: The store.
        model: A base, a variant (all its seeds) or one seed (`variant/seed0`).

    Raises:
        UnknownName: Nothing in the store belongs to such a model.
    """
    owned = [(artefact, owner(artefact)) for artefact in artefacts(store, kinds=[*_OWNERS, "mteb"])]
    own = {artefact for artefact, its in owned if _is_of(its.model, model)}
    if not own:
        names = {its.model for _, its in owned if its.model}
        raise UnknownName.of("model", model, names | {name.partition("/seed")[0] for name in names}, where="store")
    revisions = {its.revision for artefact, its in owned if artefact in own} - {""}
    own |= {artefact for artefact, its in owned if its.revision in revisions}
    trained = {artefact.key for artefact in own if artefact.kind in {"models", "cured", "work"}}
    trainsets = {its.trainset for artefact, its in owned if artefact in own}
    trainsets -= {its.trainset for artefact, its in owned if artefact not in own}
    own |= {artefact for artefact in artefacts(store, kinds=["trainsets"]) if artefact.key in trainsets}
    own |= {artefact for artefact in artefacts(store, kinds=["failures"]) if artefact.key in trained}
    return tuple(sorted(own, key=lambda artefact: (artefact.kind, artefact.key)))


def _name(name: str) -> str:
    """Return the name on boards of a model under its own or mteb's name."""
    match = _NAME_IN_MTEB.fullmatch(name)
    return "/".join(part for part in match.groups() if part) if match else name


def _is_of(name: str, model: str) -> bool:
    return name == model or name.rpartition("/seed")[0] == model


def _paths(folder: Path) -> Iterator[Path]:
    """Yield the artefacts of a kind; most lie below the first two digits of their key."""
    if folder.name == "mteb":
        yield from sorted([*folder.glob("results/*/*/"), *folder.glob("limit-*/results/*/*/")])
        return
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        below = sorted(path.iterdir()) if path.is_dir() and len(path.name) == 2 else [path]
        yield from (each for each in below if not each.name.startswith(".") or _PART.fullmatch(each.name))


def _kind_of(path: Path, kind: str) -> str:
    return "leftovers" if _PART.fullmatch(path.name) else kind


def _measured(kind: str, path: Path, *, root: Path) -> Artefact:
    size, used = 0, 0.0
    files = [Path(folder, name) for folder, _, names in os.walk(path) for name in (".", *names)] or [path]
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # a running process may remove its own files meanwhile
            status = file.lstat()
            size += status.st_size * (not file.is_dir())
            used = max(used, status.st_mtime)
    key = path.relative_to(root).as_posix() if kind in {"mteb", "leftovers"} else path.stem
    return Artefact(kind, key, path, size, used)
