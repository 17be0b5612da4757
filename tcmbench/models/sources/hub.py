"""Weights of the Hugging Face hub: a snapshot in the local cache, downloaded where that is allowed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent
from tcmbench.models.folder import is_model, json_object
from tcmbench.plugins import PluginOptions
from tcmbench.specs.names import Reference

if TYPE_CHECKING:
    from tcmbench.models.sources import Search
    from tcmbench.specs.base import Base

REVISION = "1"

_HF_HOME = "~/.cache/huggingface"
_LONGEST_COMMIT = 64
_SHOWN_COMMIT = 12
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_NO_DOWNLOAD = frozenset({"", "0", "false", "no", "off"})
_WANTED = ("*.safetensors", "*.json", "*.txt", "*.model", "*.tiktoken", "*.jinja")
"""Files of a model that are downloaded from the hub: no pickles, no weights of other engines."""

_WEIGHTS = (".safetensors",)
_PICKLES = (".bin", ".pt", ".pth")
_UNWANTED = ("onnx/*", "openvino/*", "*.onnx*")


class Options(PluginOptions):
    """The model on the hub."""

    hub_id: Reference
    """As in the field `hub_id` of a base."""

    revision: Reference | None = None
    """As in the field `revision` of a base."""


def find(base: Base, *, options: Options, search: Search) -> str:
    """Return name and commit of the snapshot in the local cache."""
    del search
    return f"{options.hub_id} at {_snapshot(base, options).name[:_SHOWN_COMMIT]}, from the hub"


def fetch(base: Base, *, options: Options, search: Search) -> Path:
    """Return the snapshot in the local cache, downloaded first where it is absent and that is allowed.

    Raises:
        ModelAbsent: It is absent, or can't be downloaded.
    """
    try:
        return _snapshot(base, options)
    except ModelAbsent:
        if not search.download or _offline() is not None:
            raise
    return _download(base, options)


def remedy(base: Base, *, options: Options) -> str:
    """Return the command that downloads the model."""
    del base
    return f"hf download {options.hub_id}" + (f" --revision {options.revision}" if options.revision else "")


def _snapshot(base: Base, options: Options) -> Path:
    # The layout of the hub's cache is documented, and importing huggingface_hub takes a second.
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or _HF_HOME) / "hub").expanduser()
    repository = cache / f"models--{options.hub_id.replace('/', '--')}"
    reference = repository / "refs" / (options.revision or "main")
    commit = _commit(reference) if reference.is_file() else options.revision
    snapshot = repository / "snapshots" / commit if commit else None
    # Pickles aren't loaded: the message says so where there is nothing else.
    endings = _WEIGHTS if len(base.all_sources) > 1 else (*_WEIGHTS, *_PICKLES)
    if snapshot is not None and is_model(snapshot) and _has_weights(snapshot, endings):
        return snapshot
    offline = _offline()
    what = "has no weights, or only a part of them," if snapshot is not None and is_model(snapshot) else "is not"
    raise ModelAbsent(
        f"base {base.name}: {options.hub_id} {what} in the local hub cache (expected {snapshot or repository})"
        f"{f', and {offline} is set' if offline else ''}. On a machine with a network run: "
        f"{remedy(base, options=options)}; then copy the cache here or set HF_HOME to it."
    )


def _has_weights(snapshot: Path, endings: tuple[str, ...]) -> bool:
    """Return whether a snapshot has all files of weights: a library may have fetched the tokenizer only."""
    names = {path.name for path in snapshot.rglob("*") if path.is_file()}
    parts = json_object(snapshot / "model.safetensors.index.json").get("weight_map")
    if isinstance(parts, dict):
        return names.issuperset(map(str, parts.values()))
    return any(name.endswith(endings) for name in names)


def _offline() -> str | None:
    """Return the variable that forbids downloads; None where none does."""
    return next((name for name in _OFFLINE if os.environ.get(name, "").lower() not in _NO_DOWNLOAD), None)


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


def _download(base: Base, options: Options) -> Path:
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
                options.hub_id, revision=options.revision, allow_patterns=wanted, ignore_patterns=list(_UNWANTED)
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ModelAbsent(
            f"{options.hub_id}: not in the local hub cache, and can't be downloaded: {reason} Check "
            "the name and the network; a gated model requires `hf auth login`. Or copy a cache with the model here."
        ) from error
