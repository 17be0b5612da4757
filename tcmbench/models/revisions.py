"""The revision of a model: weights, tokenizer, prompts, pooling, longest input, precision, encoder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tcmbench import plugins
from tcmbench.checksums import settled_sha256
from tcmbench.encoders._dense_part import ADDED_FILES, DenseOptions
from tcmbench.models import model_files
from tcmbench.specs.base import LABELS, Base
from tcmbench.store import differences, key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.plugins import Plugin

_STAGE = "model 2"
_NOT_OF_SCORES = frozenset({"encoder", "options", "swift_model_type"})
"""Fields of a base that are in the encoder's identity, or that only a training reads."""

_BLOB = re.compile(r"[0-9a-f]{64}")


def revision(base: Base, model_dir: Path | None) -> str:
    """Return the hash of everything that changes a model's scores.

    Raises:
        ModelAbsent: The folder has no safetensors; weights in pickles could run code and aren't loaded.
        UnknownName: The base names an encoder that doesn't exist.
    """
    return revision_of(base, None if model_dir is None else weights_hash(model_dir))


def revision_of(base: Base, weights: str | None) -> str:
    """Return the same of weights whose hash is known.

    Raises:
        UnknownName: The base names an encoder that doesn't exist.
    """
    return key(
        _STAGE,
        {
            "encoder": encoder_of(base).identity(),
            "weights": weights,
            "base": differences(base, exclude=LABELS | _NOT_OF_SCORES),
        },
    )


def revision_of_dense(base: Base, model_dir: Path | None) -> str:
    """Return the revision of the dense model within a model of an encoder that has one, as if it were measured alone.

    The files that such encoders add to a folder are left out, so that vectors of the model that the folder was made
    from are found.
    """
    base = dense_base(base)
    if model_dir is None:
        return revision(base, None)
    files = {name: path for name, path in model_files.relevant(model_dir).items() if name not in ADDED_FILES}
    return revision_of(base, hash_of({name: _sha256(path) for name, path in files.items()}))


def dense_base(base: Base) -> Base:
    """Return how the dense model within a model of an encoder that has one is run; other bases as they are."""
    while isinstance(options := encoder_of(base).options, DenseOptions):
        base = base.model_copy(update={"encoder": options.dense, "options": options.dense_options})
    return base


def encoder_of(base: Base) -> Plugin:
    """Return the encoder that runs a base.

    Raises:
        UnknownName: The base names an encoder that doesn't exist.
        SpecError: Unknown options.
    """
    return plugins.use("encoders", base.encoder, base.options, where=f"base {base.name}")


def weights_hash(model_dir: Path) -> str:
    """Return the hash over the names and bytes of all files of a model that its loader may read.

    Raises:
        ModelAbsent: The folder has no complete safetensors, or content that the hash wouldn't cover.
    """
    return hash_of({name: _sha256(path) for name, path in model_files.relevant(model_dir).items()})


def hash_of(files: Mapping[str, str]) -> str:
    """Return the same of files whose names and sha256 are known; those that no loader reads are left out."""
    return key("weights 2", {name: sha256 for name, sha256 in files.items() if model_files.may_be_read(name)})


def _sha256(path: Path) -> str:
    """Return a file's sha256; the hub's cache names large files by it, which avoids reading gigabytes."""
    real = path.resolve()
    if real.parent.name == "blobs" and _BLOB.fullmatch(real.name):
        return real.name
    return settled_sha256(real)
