"""The weights of a base: in a folder, or in the hub's local cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent
from tcmbench.models import swift_output

if TYPE_CHECKING:
    from tcmbench.specs.base import Base
    from tcmbench.workspace import Workspace

_HF_HOME = "~/.cache/huggingface"
_LONGEST_COMMIT = 64
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_NO_DOWNLOAD = frozenset({"", "0", "false", "no", "off"})
_WANTED = ("*.safetensors", "*.json", "*.txt", "*.model", "*.tiktoken", "*.jinja")
"""Files of a model that are downloaded from the hub: no pickles, no weights of other engines."""

_UNWANTED = ("onnx/*", "openvino/*", "*.onnx*")
MARKS = ("config.json", "modules.json", "adapter_config.json")
"""Files of which a folder with a model has one."""


def source(workspace: Workspace, base: Base, *, download: bool = False) -> Path:
    """Return the folder of a base's weights, unchanged; of an ms-swift output, its best or last checkpoint.

    Args:
        workspace: Workspace that contains the folders.
        base: The base.
        download: Whether a model of the hub may be downloaded where it isn't in the local cache.

    Raises:
        ModelAbsent: The weights are neither in a folder nor in the local hub cache.
    """
    if base.path is None:
        return _hub_folder(base, download=download)
    places = _places(workspace, base.path)
    for place in places:
        checkpoint = swift_output.checkpoint(place)
        if is_model(checkpoint):
            return checkpoint
    advice = " Or run: make mini-zh DATA=… for the bundled ones." if base.path.startswith("mini-zh") else ""
    raise ModelAbsent(
        f"base {base.name}: no weights in {', '.join(map(str, places))}: expected one of {', '.join(MARKS)}. "
        f"Put the model's folder there, or correct `path`.{advice}"
    )


def is_model(folder: Path) -> bool:
    """Return whether a folder holds a model, or an adapter."""
    return any((folder / name).is_file() for name in MARKS)


def state(workspace: Workspace, base: Base) -> str:
    """Return `built in`, `server`, `here` or `absent`, for listings."""
    if not base.has_weights:
        return base.weights
    try:
        source(workspace, base)
    except ModelAbsent:
        return "absent"
    return "here"


def _places(workspace: Workspace, path: str) -> list[Path]:
    """Return the candidates for a path: absolute, or relative to the workspace's `models` or the base's own file."""
    whole = Path(path).expanduser()
    if whole.is_absolute():
        return [whole]
    folders = ["models/bases"] if path.startswith(("./", "../")) else ["models", "models/bases"]
    places = [content / folder / path for content in workspace.content for folder in folders]
    return [Path(os.path.normpath(place)) for place in places]


def _commit(reference: Path) -> str:
    """Return the commit of a branch or tag in the hub's cache.

    Raises:
        ModelAbsent: The file contains something else, which is not quoted.
    """
    with reference.open("rb") as file:
        commit = file.read(_LONGEST_COMMIT + 1).strip()
    if not commit.isalnum() or len(commit) > _LONGEST_COMMIT:
        raise ModelAbsent(f"{reference}: expected a commit, got something else. Download the model again.")
    return commit.decode("ascii")


def _hub_folder(base: Base, *, download: bool) -> Path:
    """Return the snapshot of a hub model in the local cache."""
    if base.hub_id is None:
        raise ModelAbsent(f"base {base.name}: a base of kind 'baseline' has no weights")
    # The layout of the hub's cache is documented, and importing huggingface_hub takes a second.
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or _HF_HOME) / "hub").expanduser()
    repository = cache / f"models--{base.hub_id.replace('/', '--')}"
    reference = repository / "refs" / (base.revision or "main")
    commit = _commit(reference) if reference.is_file() else base.revision
    snapshot = repository / "snapshots" / commit if commit else None
    if snapshot is not None and is_model(snapshot):
        return snapshot
    offline = next((name for name in _OFFLINE if os.environ.get(name, "").lower() not in _NO_DOWNLOAD), None)
    if download and offline is None:
        return _download(base)
    revision = f" --revision {base.revision}" if base.revision else ""
    raise ModelAbsent(
        f"base {base.name}: {base.hub_id} is not in the local hub cache (expected {snapshot or repository})"
        f"{f', and {offline} is set' if offline else ''}. On a machine with a network run: "
        f"hf download {base.hub_id}{revision}; then copy the cache here or set HF_HOME to it."
    )


def _download(base: Base) -> Path:
    """Download a model's configuration, tokenizer and safetensors into the local hub cache; code only where allowed.

    Raises:
        ModelAbsent: The hub can't be reached, or has no such model.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = [*_WANTED, *(["*.py"] if base.trust_remote_code else [])]
    try:
        return Path(
            snapshot_download(
                str(base.hub_id), revision=base.revision, allow_patterns=wanted, ignore_patterns=list(_UNWANTED)
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise ModelAbsent(
            f"{base.hub_id}: not in the local hub cache, and can't be downloaded: {str(error).splitlines()[0]} Check "
            "the name and the network; a gated model requires `hf auth login`. Or copy a cache with the model here."
        ) from error
