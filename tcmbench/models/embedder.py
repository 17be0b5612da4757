"""A base as a function from texts to vectors, for work beside evaluation, such as mining negatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tcmbench import models

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
    from tcmbench.records.model import Model


class BaseEmbedder:
    """A base that returns vectors; loaded when first used, with the embedding cache of evaluation."""

    def __init__(self, model: Model, cache: Path) -> None:
        self._model = model
        self._cache = cache
        self._encoder: CachedEncoder | None = None

    @property
    def revision(self) -> str:
        """Hash of everything that the vectors depend on."""
        return self._model.revision

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "document"]) -> NDArray[np.float32]:
        """Return one unit vector per text [texts, dimensions], with the prompt of the kind applied."""
        from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
        from tcmbench.ranking.unit_vectors import unit

        if self._encoder is None:
            loaded = models.load(self._model, cache=self._cache)
            if not isinstance(loaded, CachedEncoder):
                raise TypeError(f"expected {CachedEncoder}, got {type(loaded)}")
            self._encoder = loaded
        base = self._model.base
        prompt = base.query_prompt if kind == "query" else base.document_prompt
        return unit(self._encoder.encode_list([prompt + text for text in texts]))
