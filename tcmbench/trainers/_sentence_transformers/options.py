"""The options of the sentence_transformers trainer; to add one, add a field here and its argument to `arguments`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tcmbench.trainers._runtime.matryoshka import MatryoshkaOptions


class Options(MatryoshkaOptions):
    """What sentence-transformers alone can do."""

    attention: Literal["auto", "eager", "sdpa"] = "auto"
    """Implementation of attention during training; the tuned model is measured with the base's. In bfloat16 on a
    processor `eager` computes gradients in half the time of torch's fused kernel, which is `auto` for most networks;
    on a GPU the fused kernel is faster."""

    mini_batch_size: int = Field(default=32, ge=1)
    """Texts that a cached loss encodes at a time: memory follows from it, and not from `batch_size`."""

    mini_batch_tokens: int | None = Field(default=None, ge=1)
    """Most tokens that a loss encodes at a time, without padding for cached losses, which take it in place of
    `mini_batch_size`. Texts of similar length are encoded together, which saves padding and doesn't change the loss."""

    teacher_temperature: float = Field(default=1.0, gt=0)
    """Scores of a teacher are divided by it: 1 suits logits under `distill_kl`, and cosine similarities under
    `margin_mse`."""

    def arguments(self) -> dict[str, Any]:
        """Return the fields of `SentenceTransformerTrainingArguments` that follow from the options alone, by name."""
        return {}
