"""An encoder whose vectors depend on the text alone, for bases without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray


class StatelessEncoder:
    """Encodes each text by a function of it (a `TextEncoder`)."""

    max_length = 1 << 30
    dtype = "float32"

    def __init__(
        self,
        vector: Callable[[str], NDArray[np.float32]],
        *,
        dimensions: int,
        meta: ModelMeta,
        zero_means_unknown: bool = False,
    ) -> None:
        self.mteb_model_meta = meta
        self.zero_means_unknown = zero_means_unknown
        self.revision = str(meta.revision)
        self._vector = vector
        self._dimensions = dimensions

    def prompt_for(self, task_metadata: object, prompt_type: object) -> str:
        """Return no prompt."""
        del task_metadata, prompt_type
        return ""

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in characters."""
        return [len(text) for text in texts]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, float32, shape (len(texts), dimensions); the zero vector stays zero."""
        import numpy as np

        vectors = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._vector(text)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.divide(vectors, norms, out=vectors, where=norms > 0)
