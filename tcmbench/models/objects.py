"""A model that a user has loaded: its name, its revision by the hash of its weights, and its encoder."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

from tcmbench.encoders import model_meta
from tcmbench.errors import SpecError
from tcmbench.models import folder
from tcmbench.records.model import Model
from tcmbench.specs.base import Base
from tcmbench.specs.toml import parse
from tcmbench.store import differences, key

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.models.models_protocols import MTEBModels

    from tcmbench.store import Json

_STAGE = "loaded model 1"
_KINDS = {"SentenceTransformer": "embedding", "CrossEncoder": "reranker"}
_FALLBACK_LENGTH = 512
_LATER = {"sources", "derive", "symmetric_prompt"}


def model_of(loaded: object, *, revision: str) -> Model:
    """Return the model under which scores are stored.

    Args:
        loaded: A SentenceTransformer or a CrossEncoder.
        revision: The user's own identifier of its weights; empty takes their hash.

    Raises:
        SpecError: It is neither, or has settings that a base doesn't support.
    """
    kind = next((known for cls in type(loaded).__mro__ if (known := _KINDS.get(cls.__name__))), None)
    if kind is None:
        raise SpecError(
            f"model: expected a name, a path, a SentenceTransformer or a CrossEncoder, got {type(loaded).__name__}."
        )
    base = _base(loaded, kind)
    weights = revision or _state_hash(loaded)
    # Fields that came after the stage count where they are set, so that earlier keys stay valid.
    said = {**base.model_dump(mode="json", exclude=_LATER), **differences(base, include=_LATER)}
    settings: dict[str, Json] = {"weights": weights, "modules": repr(loaded), "base": said}
    return Model(name=base.name, base=base, model_dir=None, revision=key(_STAGE, settings))


def encoder_of(model: Model, loaded: Any, *, cache: Path) -> MTEBModels:
    """Return the loaded model in mteb's interface."""
    from tcmbench.encoders import cross_encoder, sentence_transformers
    from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
    from tcmbench.encoders.runtime.soundness import guard

    loaded.eval()  # a model that was just trained would drop some of its activations at random
    meta = model_meta(model.base, name=model.name, revision=model.revision)
    if model.base.kind == "reranker":
        reranker = cross_encoder.Reranker(loaded, base=model.base, options=cross_encoder.Options(), meta=meta)
        return guard(reranker, name=model.name)
    encoder = sentence_transformers.SentenceTransformersEncoder(
        loaded, base=model.base, options=sentence_transformers.Options(), meta=meta
    )
    return CachedEncoder(encoder, cache_dir=cache / "embeddings")


def _base(loaded: Any, kind: str) -> Base:
    """Return the base of a loaded model, with its own prompts, length and precision."""
    prompts, default_name = getattr(loaded, "prompts", None) or {}, str(getattr(loaded, "default_prompt_name", None))
    query, document = folder.prompts_of(prompts, default_name)
    length = getattr(loaded, "max_seq_length", None) or getattr(loaded, "max_length", None)
    card = getattr(loaded, "model_card_data", None)
    name = str(getattr(card, "base_model", None) or "").rstrip("/").rpartition("/")[2] or type(loaded).__name__
    fields: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "path": ".",
        # a static table of token vectors reads all of a text
        "max_length": int(length) if length and math.isfinite(length) else _FALLBACK_LENGTH,
        "dtype": str(next(iter(loaded.parameters())).dtype).removeprefix("torch."),
        "description": "A model that was loaded by its user.",
    }
    if kind == "embedding":
        symmetric = folder.symmetric_prompt_of(prompts)
        fields |= {"query_prompt": query, "document_prompt": document, "symmetric_prompt": symmetric}
    else:
        fields["instruction"] = prompts.get(default_name) or ""
    return parse(Base, fields, where="model")


def _state_hash(loaded: Any) -> str:
    """Return the hash over names, shapes, types and bytes of all weights, and over the vocabulary."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(loaded.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    tokenizer = loaded.tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    digest.update(
        backend.to_str().encode()
        if hasattr(backend, "to_str")
        else repr(sorted(tokenizer.get_vocab().items())).encode()
    )
    return digest.hexdigest()
