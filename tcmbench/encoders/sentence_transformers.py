"""Bi-encoders through sentence-transformers: one text, one vector.

For a decoder without modules.json, sentence-transformers 6.2 silently applies the chat template to texts, which changes
every score. Such a folder is loaded with the pooling and normalisation that its base declares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tcmbench.encoders import EMBEDS
from tcmbench.encoders._prompts import prompt_for
from tcmbench.encoders.runtime.batches import FREE_TOKENS, automatic_tokens, bytes_per_token
from tcmbench.encoders.runtime.opening import open_model
from tcmbench.errors import ModelAbsent
from tcmbench.plugins import PluginOptions
from tcmbench.records.provenance import encoding_versions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

    from tcmbench.specs.base import Base

REVISION = "1"
ABILITIES = {"embedding": EMBEDS}
WEIGHTS = "folder"


class Options(PluginOptions):
    """Batching of texts."""

    batch_tokens: int | None = Field(default=None, ge=1)
    """Tokens per batch, padding included; texts of similar length share one. None: by device and free memory."""


class SentenceTransformersEncoder:
    """A loaded bi-encoder."""

    def __init__(self, model: SentenceTransformer, *, base: Base, options: Options, meta: ModelMeta) -> None:
        self.mteb_model_meta = meta
        self.model = model
        self.revision = str(meta.revision)
        self.max_length = base.max_length
        # A table of token vectors is always read in single precision.
        self.dtype: str = "float32" if base.architecture == "static" else base.dtype
        self.batch_tokens = options.batch_tokens or _tokens(model, base)
        # With flash attention sentence-transformers joins the texts of a batch into one row.
        self.are_padded = not getattr(model[0], "can_flatten_inputs", False)
        self.computed_with = encoding_versions(*(["flash-attn"] if base.attention == "flash_attention_2" else []))
        self._base = base

    def prompt_for(self, task_metadata: Any, prompt_type: Any) -> str:
        """Return the prompt of a text of this task and role."""
        return prompt_for(self._base, task_metadata, prompt_type)

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens, special tokens included, at most `max_length`."""
        tokenizer = self.model.tokenizer
        if hasattr(tokenizer, "encode_batch_fast"):
            # A static embedding has a bare tokenizer and never cuts.
            return [len(encoding) for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
        encoded = tokenizer(list(texts), padding=False, truncation=True, max_length=self.max_length)
        return [len(ids) for ids in encoded["input_ids"]]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text, float32, (len(texts), dimensions), as one batch; prompts are in the text."""
        import numpy as np

        vectors = self.model.encode(
            list(texts),
            batch_size=max(1, len(texts)),
            show_progress_bar=False,
            convert_to_numpy=True,
            # Prompts are part of the text; a default prompt of the model's folder must not be added.
            prompt="",
        )
        return np.asarray(vectors, dtype=np.float32)


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> SentenceTransformersEncoder:
    """Return the encoder, in the base's precision; without a device on the GPU where there is one."""
    if model_dir is None:
        raise ModelAbsent(f"base {base.name}: an encoder needs a folder of weights")
    model = open_model(model_dir, base, device=device)
    return SentenceTransformersEncoder(model, base=base, options=options, meta=meta)


def _tokens(model: SentenceTransformer, base: Base) -> int:
    """Return the tokens per batch for the model's device."""
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    if config is None:
        return FREE_TOKENS
    size = 4 if base.dtype == "float32" else 2
    needed = bytes_per_token(config, bytes_per_number=size)
    return automatic_tokens(str(model.device), bytes_per_token=needed)
