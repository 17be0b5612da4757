"""TF-IDF over characters and bigrams, fitted on the task at hand: the classic rival of a small encoder.

The weights are fitted on the first texts of a task that are encoded (the documents of a retrieval task), so the
vector of a text depends on the task and must never be shared between tasks: this encoder bypasses the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.encoders import EMBEDS
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray
    from sklearn.feature_extraction.text import TfidfVectorizer

    from tcmbench.specs.base import Base

REVISION = "1"
ABILITIES = {"baseline": EMBEDS - {"vectors"}}
WEIGHTS = "built in"


class Options(PluginOptions):
    """Size of the vocabulary."""

    max_features: int = 8192
    """Terms kept, the most frequent first; vectors are dense, so this bounds memory."""


class TfidfEncoder:
    """An encoder as mteb wants it (EncoderProtocol)."""

    zero_means_unknown = True
    """A text without any term of the vocabulary has the zero vector, by definition of TF-IDF."""

    def __init__(self, model_name: str, revision: str | None, *, options: Options, meta: ModelMeta) -> None:
        del model_name, revision
        self.mteb_model_meta = meta
        self._options = options
        self._fitted: tuple[tuple[str, str, str], TfidfVectorizer] | None = None

    def encode(
        self,
        inputs: Iterable[dict[str, Any]],
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        **_: object,
    ) -> NDArray[np.float32]:
        """Return unit vectors, float32, shape (texts, terms)."""
        import numpy as np
        from sklearn.feature_extraction.text import TfidfVectorizer

        from tcmbench.text.ngrams import char_bigrams

        texts = [text for batch in inputs for text in batch["text"]]
        # A classification task encodes its train split first and its test split after, under one fit.
        task = (
            str(task_metadata.name),
            hf_subset,
            "" if "Classification" in task_metadata.type else hf_split,
        )
        if self._fitted is None or self._fitted[0] != task:
            vectorizer = TfidfVectorizer(
                analyzer=char_bigrams,
                sublinear_tf=True,
                max_features=self._options.max_features,
                dtype=np.float32,
            )
            self._fitted = (task, vectorizer.fit(texts))
        return np.asarray(self._fitted[1].transform(texts).todense(), dtype=np.float32)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Return cosine similarities, shape (n, m)."""
        from sentence_transformers.util import cos_sim

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Return cosine similarities, shape (n,)."""
        from sentence_transformers.util import pairwise_cos_sim

        return pairwise_cos_sim(embeddings1, embeddings2)


def load(
    base: Base, *, options: PluginOptions, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> TfidfEncoder:
    """Return the encoder, not yet fitted."""
    del model_dir, seed, device
    if not isinstance(options, Options):
        raise TypeError(f"expected {Options}, got {type(options)}")
    return TfidfEncoder(base.name, None, options=options, meta=meta)
