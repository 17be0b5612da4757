"""Opening a folder of weights with sentence-transformers, for evaluation and training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.encoders.runtime import attention, vocabulary
from tcmbench.encoders.runtime.strict_weights import strict_weights
from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from sentence_transformers import SentenceTransformer

    from tcmbench.specs.base import Base


def open_model(model_dir: Path, base: Base, *, device: str | None = None) -> SentenceTransformer:
    """Return the model as sentence-transformers loads it, with the base's max length.

    Raises:
        SpecError: The folder has no modules.json and the base doesn't declare `pooling`.
        ModelAbsent: It has no vocabulary, or weights that don't fit.
        SpecError, MissingExtra: The base's attention can't be computed.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    arguments: dict[str, Any] = {
        "trust_remote_code": base.trust_remote_code,
        "local_files_only": True,
        "device": device or ("cuda" if torch.cuda.is_available() else "cpu"),
    }
    static = base.architecture == "static"
    if static and next(model_dir.rglob("tokenizer.json"), None) is None:
        raise vocabulary.absent(model_dir)
    weights: dict[str, Any] = {}
    if not static:
        weights = {"dtype": getattr(torch, base.dtype), "use_safetensors": True}
        weights |= attention.attention_arguments(base, device=device)
    with strict_weights(model_dir), attention.explained(base):
        if (model_dir / "modules.json").is_file():
            model = SentenceTransformer(str(model_dir), model_kwargs=weights, **arguments)
        else:
            model = SentenceTransformer(modules=_modules(model_dir, base, weights), **arguments)
    if not static:
        vocabulary.require_vocabulary(model.tokenizer, model_dir)
        model.max_seq_length = base.max_length
    return model


def _modules(model_dir: Path, base: Base, weights: dict[str, Any]) -> list[Any]:
    """Return transformer, pooling and normalisation as declared by the base."""
    from sentence_transformers import models

    if base.pooling is None:
        raise SpecError(
            f"base {base.name}: {model_dir} has no modules.json, so the base must say `pooling` (last, cls or mean)."
        )
    transformer = models.Transformer(
        str(model_dir),
        max_seq_length=base.max_length,
        model_args=weights,
        tokenizer_args={"padding_side": base.padding_side},
    )
    mode = {"last": "lasttoken", "cls": "cls", "mean": "mean"}[base.pooling]
    pooling = models.Pooling(transformer.get_word_embedding_dimension(), pooling_mode=mode)
    return [transformer, pooling, *([models.Normalize()] if base.normalize else [])]
