"""A model that a user has loaded: its name, its revision, and its encoder in mteb's interface."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from tcmbench import strict_json
from tcmbench.encoders import model_meta
from tcmbench.errors import SpecError
from tcmbench.models import folder
from tcmbench.records.model import Model
from tcmbench.specs.base import Base
from tcmbench.specs.toml import parse
from tcmbench.store import differences, key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mteb.models.models_protocols import MTEBModels

    from tcmbench.store import Json

_STAGE = "loaded model 2"
_PROTOCOL_STAGE = "model of mteb's protocol 1"
_KINDS = {"SentenceTransformer": "embedding", "CrossEncoder": "reranker"}
_FALLBACK_LENGTH = 512
_LATER = {"sources", "derive", "symmetric_prompt", "attention"}
_NAMES_AND_VERSIONS = frozenset(
    {
        "_name_or_path", "base_model_name_or_path", "transformers_version", "peft_version", "dtype", "torch_dtype",
        "inference_mode", "revision",
    }
)  # fmt: skip
"""Settings in the configuration of a network that its results don't depend on; precision is in the base."""


def model_of(loaded: object, *, revision: str) -> Model:
    """Return the model under which scores are stored.

    Args:
        loaded: A SentenceTransformer, a CrossEncoder, or an object with mteb's protocol for either.
        revision: The user's own identifier of its weights; empty takes their hash.

    Raises:
        SpecError: It is none of them, has settings that a base doesn't support, or has mteb's protocol and no revision.
    """
    kind = _kind(loaded)
    if kind is None:
        return _of_protocol(loaded, revision=revision)
    base = _base(loaded, kind)
    weights = revision or _state_hash(loaded)
    # Fields that came after the stage count where they are set, so that earlier keys stay valid.
    said = {**base.model_dump(mode="json", exclude=_LATER), **differences(base, include=_LATER)}
    settings: dict[str, Json] = {"weights": weights, "modules": repr(loaded), "base": said, **_settings(loaded)}
    return Model(name=base.name, base=base, model_dir=None, revision=key(_STAGE, settings))


def encoder_of(model: Model, loaded: Any, *, cache: Path) -> MTEBModels:
    """Return the loaded model in mteb's interface."""
    from tcmbench.encoders import cross_encoder, sentence_transformers
    from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
    from tcmbench.encoders.runtime.soundness import guard

    if _kind(loaded) is None:
        return guard(copy.copy(loaded), name=model.name)
    loaded.eval()  # a model that was just trained would drop some of its activations at random
    meta = model_meta(model.base, name=model.name, revision=model.revision)
    if model.base.kind == "reranker":
        reranker = cross_encoder.Reranker(loaded, base=model.base, options=cross_encoder.Options(), meta=meta)
        return guard(reranker, name=model.name)
    encoder = sentence_transformers.SentenceTransformersEncoder(
        loaded, base=model.base, options=sentence_transformers.Options(), meta=meta
    )
    return CachedEncoder(encoder, cache_dir=cache / "embeddings")


def _kind(loaded: object) -> str | None:
    """Return the kind of a model of sentence-transformers; None for any other object."""
    return next((known for cls in type(loaded).__mro__ if (known := _KINDS.get(cls.__name__))), None)


def _of_protocol(loaded: Any, *, revision: str) -> Model:
    """Return the model of an object with mteb's protocol, which shows neither weights nor prompts.

    Raises:
        SpecError: It is no encoder or cross-encoder of mteb, or has no revision.
    """
    from mteb.models import CrossEncoderProtocol, EncoderProtocol

    protocols = {"embedding": EncoderProtocol, "reranker": CrossEncoderProtocol}
    kind = next((kind for kind, protocol in protocols.items() if isinstance(loaded, protocol)), None)
    if kind is None:
        raise SpecError(
            "model: expected a name, a path, a SentenceTransformer, a CrossEncoder, or an object with mteb's "
            f"EncoderProtocol or CrossEncoderProtocol, got {type(loaded).__name__}."
        )
    if not revision:
        raise SpecError(
            f"model: {type(loaded).__name__} has mteb's protocol, which shows neither weights nor prompts, so there is "
            'nothing to tell its scores by. Name what changes with them: revision="…".'
        )
    said = str(loaded.mteb_model_meta.name or type(loaded).__name__)
    fields = {"name": said.rpartition("/")[2], "kind": kind, "path": ".", "description": "An object of its user."}
    base = parse(Base, fields, where="model")
    identity: dict[str, Json] = {"model": said, "class": type(loaded).__qualname__, "revision": revision}
    return Model(name=base.name, base=base, model_dir=None, revision=key(_PROTOCOL_STAGE, identity))


def _require_pooled_prompts(loaded: Any) -> None:
    leaves_out = any(getattr(module, "include_prompt", True) is False for module in loaded)
    if leaves_out and any((getattr(loaded, "prompts", None) or {}).values()):
        raise SpecError(
            "model: its pooling has include_prompt = False, but tcmbench pools over the tokens of a prompt, and it has "
            "prompts. Such a model can be measured without them only: model.prompts = {}"
        )


def _base(loaded: Any, kind: str) -> Base:
    """Return the base of a loaded model, with its own prompts, length and precision.

    Raises:
        SpecError: Its similarity is another than the cosine, by which it would be scored, it leaves prompts out of
            its pooling, or it has other weights for queries than for documents.
    """
    similarity = str(getattr(loaded, "similarity_fn_name", None) or "cosine").rpartition(".")[2].lower()
    if similarity not in {"cosine", "dot"} or (similarity == "dot" and "Normalize" not in repr(loaded)):
        raise SpecError(
            f'model: its similarity_fn_name is "{similarity}", but tcmbench supports only cosine. Add a Normalize '
            "module if the model was trained for that."
        )
    routing = sorted({name for module in loaded.modules() if (name := type(module).__name__).endswith(folder.ROUTING)})
    if routing:
        raise SpecError(f"model: it has a module {routing[0]}. {folder.NO_ROUTES}")
    if kind == "embedding":
        _require_pooled_prompts(loaded)
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


def _settings(loaded: Any) -> dict[str, Json]:
    """Return what else its results depend on, beside weights and modules: configurations, length of vectors, sides."""
    tokenizer = loaded.tokenizer
    return {
        "configurations": [json.dumps(one, sort_keys=True, default=_plain) for one in _configurations(loaded)],
        "dimensions": getattr(loaded, "truncate_dim", None),
        "sides": [str(getattr(tokenizer, f"{name}_side", None)) for name in ("padding", "truncation")],
        "chat_template": str(getattr(tokenizer, "chat_template", None)),
    }


def _configurations(loaded: Any) -> Iterator[dict[str, object]]:
    """Yield the configuration of each network and adapter once: what the state has no tensor of, as the rotary base."""
    seen = set()
    for module in loaded.modules():
        adapters = getattr(module, "peft_config", None)
        for config in (getattr(module, "config", None), *(adapters.values() if isinstance(adapters, dict) else ())):
            if id(config) not in seen and hasattr(config, "to_dict"):
                seen.add(id(config))
                yield {name: value for name, value in config.to_dict().items() if name not in _NAMES_AND_VERSIONS}


def _plain(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def _state_hash(loaded: Any) -> str:
    """Return the hash over names, shapes, types and bytes of all weights, and over the vocabulary."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(loaded.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    digest.update(_vocabulary(loaded.tokenizer).encode())
    return digest.hexdigest()


def _vocabulary(tokenizer: Any) -> str:
    """Return the tokenizer as text, the same before and after it has read texts."""
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(backend, "to_str"):
        return repr(sorted(tokenizer.get_vocab().items()))
    if backend is tokenizer:
        return str(backend.to_str())
    # Those of transformers set both anew for each batch.
    content = {**strict_json.loads(backend.to_str()), "truncation": None, "padding": None}
    return json.dumps(content, sort_keys=True)
