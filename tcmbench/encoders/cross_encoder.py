"""Rerankers: query and document read together, through sentence-transformers' CrossEncoder.

A decoder in the manner of Qwen3-Reranker (the logits of yes against no) and a one-label head are both loaded from
their hub layout; the chat template and the instruction come with the model's files and its base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.errors import ModelAbsent
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray

    from tcmbench.specs.base import Base

REVISION = "1"


class Options(PluginOptions):
    """How pairs are batched."""

    batch_size: int = 32
    """Pairs a batch; pairs are sorted by length first, so little is padding."""


class Reranker:
    """A cross-encoder as mteb wants it (CrossEncoderProtocol)."""

    def __init__(self, model: Any, *, options: Options, instruction: str, meta: ModelMeta) -> None:
        self.mteb_model_meta = meta
        self.model = model
        self.encoded_texts = 0
        self._options = options
        self._instruction = instruction

    def predict(
        self, inputs1: Iterable[dict[str, Any]], inputs2: Iterable[dict[str, Any]], **_: object
    ) -> NDArray[np.float32]:
        """Return one score a pair, in the order given; a pair that stands twice is scored once."""
        import numpy as np

        queries = [text for batch in inputs1 for text in batch["text"]]
        documents = [text for batch in inputs2 for text in batch["text"]]
        pairs = list(zip(queries, documents, strict=True))
        order = sorted(set(pairs), key=lambda pair: (-len(pair[0]) - len(pair[1]), pair))
        scores = np.asarray(
            self.model.predict(
                order,
                prompt=self._instruction or None,
                batch_size=self._options.batch_size,
                show_progress_bar=False,
            ),
            dtype=np.float32,
        )
        self.encoded_texts += len(order)
        position = {pair: i for i, pair in enumerate(order)}
        return scores[[position[pair] for pair in pairs]]


def load(base: Base, *, options: PluginOptions, model_dir: Path | None, meta: ModelMeta, seed: int) -> Reranker:
    """Return the reranker, in the base's precision, on the GPU where there is one."""
    del seed
    import torch
    from sentence_transformers import CrossEncoder

    if not isinstance(options, Options):
        raise TypeError(f"expected {Options}, got {type(options)}")
    if model_dir is None:
        raise ModelAbsent(f"base {base.name}: a reranker needs a folder of weights")
    model = CrossEncoder(
        str(model_dir),
        max_length=base.max_length,
        trust_remote_code=base.trust_remote_code,
        local_files_only=True,
        model_kwargs={"dtype": getattr(torch, base.dtype), "use_safetensors": True},
    )
    return Reranker(model, options=options, instruction=base.instruction, meta=meta)
