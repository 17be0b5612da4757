"""The revision of a model: weights, tokenizer, prompts, pooling, longest input, precision, encoder."""

from __future__ import annotations

import functools
import re
import time
from typing import TYPE_CHECKING

from tcmbench import plugins
from tcmbench.errors import ModelAbsent
from tcmbench.specs.base import LABELS, Base
from tcmbench.store import differences, file_sha256, key

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.plugins import Plugin

_STAGE = "model 2"
_NOT_OF_SCORES = frozenset({"encoder", "options", "swift_model_type"})
"""Fields of a base that the encoder's identity holds, or that only a training reads."""

# What changes a model's output: weights, configuration, tokenizer, chat template, and code that the base may trust.
# Cards and training logs don't.
_RELEVANT = re.compile(r".*\.(safetensors|json|txt|jinja|model|py)$")
_IRRELEVANT = re.compile(r"(README.*|args\.json|trainer_state\.json|training_.*|.*\.log|all_results\.json)")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl")
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
    """Return the hash over the names and bytes of all files of a model that change its output."""
    found = [
        path
        for path in sorted(model_dir.rglob("*"))
        if path.is_file() and _RELEVANT.fullmatch(path.name) and not _IRRELEVANT.fullmatch(path.name)
    ]
    if not any(path.suffix == ".safetensors" for path in found):
        pickles = sorted(p.name for pattern in _PICKLES for p in model_dir.glob(pattern))
        came = f"only pickles ({', '.join(pickles)}), which could run code" if pickles else "no weights"
        raise ModelAbsent(f"{model_dir}: expected *.safetensors, got {came}. Convert or download them as safetensors.")
    return key("weights 1", {path.relative_to(model_dir).as_posix(): _sha256(path) for path in found})


def _sha256(path: Path) -> str:
    """Return a file's sha256; the hub's cache names large files by it, which saves reading gigabytes."""
    real = path.resolve()
    if real.parent.name == "blobs" and _BLOB.fullmatch(real.name):
        return real.name
    status = real.stat()
    if time.time() - status.st_mtime < _SETTLED_SECONDS:
        # A second write could leave size and time as they are: clocks of file systems tick in milliseconds.
        return file_sha256(real)
    return _settled_sha256(real, status.st_ino, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=1024)
def _settled_sha256(path: Path, inode: int, size: int, changed: int) -> str:
    """Return a file's sha256; a run asks for that of the same gigabytes several times."""
    del inode, size, changed
    return file_sha256(path)
