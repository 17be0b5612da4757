"""The revision of a model: weights, tokenizer, prompts, pooling, longest input, precision, encoder."""

from __future__ import annotations

import functools
import re
import time
from typing import TYPE_CHECKING

from tcmbench import plugins
from tcmbench.models import model_files
from tcmbench.specs.base import LABELS, Base
from tcmbench.store import differences, file_sha256, key

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.plugins import Plugin

_STAGE = "model 2"
_NOT_OF_SCORES = frozenset({"encoder", "options", "swift_model_type"})
"""Fields of a base that the encoder's identity holds, or that only a training reads."""

_SETTLED_SECONDS = 5.0
_BLOB = re.compile(r"[0-9a-f]{64}")


def revision(base: Base, model_dir: Path | None) -> str:
    """Return the hash of everything that changes a model's scores.

    Raises:
        ModelAbsent: The folder holds no safetensors; weights that are pickles could run code and aren't loaded.
        UnknownName: The base names an encoder that doesn't exist.
    """
    return key(
        _STAGE,
        {
            "encoder": encoder_of(base).identity(),
            "weights": None if model_dir is None else weights_hash(model_dir),
            "base": differences(base, exclude=LABELS | _NOT_OF_SCORES),
        },
    )


def encoder_of(base: Base) -> Plugin:
    """Return the encoder that runs a base.

    Raises:
        UnknownName: The base names an encoder that doesn't exist.
        SpecError: Options that the encoder doesn't have.
    """
    return plugins.use("encoders", base.encoder, base.options, where=f"base {base.name}")


def weights_hash(model_dir: Path) -> str:
    """Return the hash over the names and bytes of all files of a model that its loader may read.

    Raises:
        ModelAbsent: The folder holds no whole safetensors, or something whose contents the hash wouldn't cover.
    """
    return key("weights 2", {name: _sha256(path) for name, path in model_files.relevant(model_dir).items()})


def _sha256(path: Path) -> str:
    """Return a file's sha256; the hub's cache names large files by it, which saves reading gigabytes."""
    real = path.resolve()
    if real.parent.name == "blobs" and _BLOB.fullmatch(real.name):
        return real.name
    status = real.stat()
    if time.time() - status.st_mtime < _SETTLED_SECONDS:
        # A second write could leave size and time unchanged: timestamps of file systems have limited resolution.
        return file_sha256(real)
    return _settled_sha256(real, status.st_ino, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=1024)
def _settled_sha256(path: Path, inode: int, size: int, changed: int) -> str:
    """Return a file's sha256; cached, since a run needs it several times for the same gigabytes."""
    del inode, size, changed
    return file_sha256(path)
