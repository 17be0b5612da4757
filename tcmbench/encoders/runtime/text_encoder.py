"""Interface of an encoder with cached vectors; `CachedEncoder` wraps it for mteb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray


class TextEncoder(Protocol):
    """A model that maps texts to vectors, without batching, ordering or caching.

    An optional attribute `batch_tokens` (int) sets the tokens per batch, padding included; `are_padded` (bool) is false
    where a batch is computed without padding. `computed_with` (package → version) says what its vectors depend on,
    where that isn't what sentence-transformers computes with.
    """

    mteb_model_meta: ModelMeta
    """Complete metadata, with the similarity function."""

    revision: str
    """Hash of everything that changes its vectors."""

    max_length: int
    """Tokens after which a text is cut."""

    dtype: str
    """Precision it computes in."""

    def prompt_for(self, task_metadata: object, prompt_type: object) -> str:
        """Return the prompt of a text of this task and role; "" for none."""
        ...

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens, special tokens included, at most `max_length`."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text, (len(texts), dimensions), computed as one batch; prompts are in the text."""
        ...
