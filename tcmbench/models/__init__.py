"""From a name to a model: where its weights are, which revision it is, and the loaded encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.models import weights
from tcmbench.models.agreement import require_agreement
from tcmbench.models.revisions import encoder_of, hash_of, revision, revision_of
from tcmbench.records.model import Model
from tcmbench.specs.base import Base

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mteb.models.models_protocols import MTEBModels

    from tcmbench.workspace import Workspace

__all__ = ["base_model", "load", "tuned_model"]


def base_model(workspace: Workspace, name: str) -> Model:
    """Return a base as it is.

    Raises:
        UnknownName: No such base.
        ModelAbsent: Its weights aren't on this machine.
        SpecError: Its file contradicts what the folder of its weights says.
    """
    base = workspace.spec(Base, name)
    model_dir = weights.folder(workspace, base) if base.has_weights else None
    if model_dir is not None:
        require_agreement(base, model_dir)
    return Model(name=name, base=base, model_dir=model_dir, revision=revision(base, model_dir))


def tuned_model(base: Base, *, name: str, model_dir: Path, seed: int, files: Mapping[str, str] | None = None) -> Model:
    """Return a model that was tuned from a base and is used in the same way.

    Args:
        base: What it was tuned from.
        name: Its name.
        model_dir: Its files.
        seed: Its seed.
        files: Name and sha256 of each file, where they are known; gigabytes are then not read for its revision.
    """
    its = revision(base, model_dir) if files is None else revision_of(base, hash_of(files))
    return Model(name=name, base=base, model_dir=model_dir, revision=its, seed=seed)


def load(model: Model, *, cache: Path, device: str | None = None) -> MTEBModels:
    """Return the loaded model as mteb takes it.

    Args:
        model: What to load.
        cache: The store; vectors of texts are kept in its `embeddings` folder.
        device: Where a model with weights computes, as torch names it; None for the default of its library, the GPU
            where there is one.
    """
    from tcmbench.encoders import model_meta
    from tcmbench.encoders.runtime.soundness import guard

    encoder = encoder_of(model.base)
    meta = model_meta(model.base, name=model.name, revision=model.revision)
    loaded: MTEBModels = encoder.module.load(
        model.base, options=encoder.options, model_dir=model.model_dir, meta=meta, seed=model.seed, device=device
    )
    if "vectors" not in model.base.abilities:
        return guard(loaded, name=model.name)
    from tcmbench.encoders.runtime.cached_encoder import CachedEncoder

    return CachedEncoder(loaded, cache_dir=cache / "embeddings")
