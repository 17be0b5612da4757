"""Where the weights of a base are: a folder of a workspace, or a snapshot in the hub's local cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from tcmbench.specs.base import Base
    from tcmbench.workspace import Workspace

_HF_HOME = "~/.cache/huggingface"
_LONGEST_COMMIT = 64


def folder(workspace: Workspace, base: Base) -> Path:
    """Return the folder of a base's weights.

    Raises:
        ModelAbsent: The weights are neither in a workspace nor in the local hub cache.
    """
    if base.path is None:
        return _hub_folder(base)
    places = [content / "models" / base.path for content in workspace.content]
    for place in places:
        if (place / "config.json").is_file() or (place / "modules.json").is_file():
            return place
    raise ModelAbsent(
        f"base {base.name}: no weights in {', '.join(map(str, places))}. "
        "Put the model's folder there, or run: make mini-zh DATA=… for the bundled ones."
    )


def state(workspace: Workspace, base: Base) -> str:
    """Return `built in`, `server`, `here` or `absent`, for listings."""
    if not base.has_weights:
        return base.weights
    try:
        folder(workspace, base)
    except ModelAbsent:
        return "absent"
    return "here"


def _commit(reference: Path) -> str:
    """Return the commit that a branch or tag of the hub's cache stands for.

    Raises:
        ModelAbsent: The file holds something else, which is not repeated.
    """
    with reference.open("rb") as file:
        commit = file.read(_LONGEST_COMMIT + 1).strip()
    if not commit.isalnum() or len(commit) > _LONGEST_COMMIT:
        raise ModelAbsent(f"{reference}: expected a commit, got something else. Download the model again.")
    return commit.decode("ascii")


def _hub_folder(base: Base) -> Path:
    """Return the snapshot of a hub model in the local cache; nothing is downloaded."""
    if base.hub_id is None:
        raise ModelAbsent(f"base {base.name}: a baseline has no weights")
    # The layout of the hub's cache is documented; importing huggingface_hub to walk it takes a second.
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or _HF_HOME) / "hub").expanduser()
    repository = cache / f"models--{base.hub_id.replace('/', '--')}"
    reference = repository / "refs" / (base.revision or "main")
    commit = _commit(reference) if reference.is_file() else base.revision
    snapshot = repository / "snapshots" / commit if commit else None
    if snapshot is not None and (snapshot / "config.json").is_file():
        return snapshot
    revision = f" --revision {base.revision}" if base.revision else ""
    raise ModelAbsent(
        f"base {base.name}: {base.hub_id} is not in the local hub cache (expected {snapshot or repository}). On a "
        f"machine with a network run: hf download {base.hub_id}{revision}; then copy the cache here or set "
        "HF_HOME to it."
    )
