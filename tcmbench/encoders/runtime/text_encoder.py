"""What an encoder of `tcmbench/encoders` offers; `CachedEncoder` makes of it what mteb is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray


class TextEncoder(Protocol):
    """A model that turns texts into vectors; batching, ordering and caching are not its concern.

    An attribute `batch_tokens` (int), where there is one, sets the tokens a batch may hold, padding included.
    """

    mteb_model_meta: ModelMeta
    """Complete metadata; its `similarity_fn_name` says how vectors are compared."""

    revision: str
    """Hash of everything that changes its vectors."""

    max_length: int
    """Tokens after which a text is cut."""

    dtype: str
    """Precision it computes in."""

    def prompt_for(self, task_metadata: object, prompt_type: object) -> str:
        """Return what is put before a text of this task and role; "" for nothing."""
        ...

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens, special tokens included, at most `max_length`."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text, (len(texts), dimensions), computed as one batch; prompts are in the text."""
        ...
