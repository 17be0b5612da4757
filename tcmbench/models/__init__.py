"""Models by name: their weights, revision and loaded encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.models import swift_output, weights
from tcmbench.models.revisions import encoder_of, hash_of, revision, revision_of
from tcmbench.models.weights import base_model
from tcmbench.records.model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mteb.models.models_protocols import MTEBModels

    from tcmbench.specs.base import Base
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace

__all__ = ["base_model", "load", "trained_elsewhere", "tuned_model"]


def trained_elsewhere(workspace: Workspace, base: Base) -> dict[str, Json]:
    """Return the training settings in the folder of a model that was tuned elsewhere; empty for others."""
    if base.tuned_from is None:
        return {}
    recorded = swift_output.arguments(weights.source(workspace, base))
    settings: dict[str, Json] = {f"args.{name}": recorded[name] for name in swift_output.SETTINGS if recorded.get(name)}
    return {"trained": "elsewhere", **settings}


def tuned_model(base: Base, *, name: str, model_dir: Path, seed: int, files: Mapping[str, str] | None = None) -> Model:
    """Return a model that was tuned from a base, with the base's settings.

    Args:
        base: Base that it was tuned from.
        name: Its name.
        model_dir: Its files.
        seed: Its seed.
        files: Name and sha256 of each file, where they are known, which avoids reading gigabytes for its revision.
    """
    its = revision(base, model_dir) if files is None else revision_of(base, hash_of(files))
    return Model(name=name, base=base, model_dir=model_dir, revision=its, seed=seed)


def load(model: Model, *, cache: Path, device: str | None = None) -> MTEBModels:
    """Return the loaded model in mteb's interface.

    Args:
        model: Model to load.
        cache: The store; its folder `embeddings` contains the vectors of texts.
        device: torch device of a model with weights; None for the default of its library, a GPU where there is one.
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
