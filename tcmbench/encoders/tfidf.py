"""TF-IDF over characters and bigrams, fitted on each task: a lexical baseline.

The weights are fitted on the first texts of a task that are encoded (the documents of a retrieval task), so the vector
of a text depends on the task and must not be shared between tasks: this encoder bypasses the cache.

Vectors are the same on all processors. Therefore scikit-learn's `max_features` is not used: which of the equally
frequent terms it keeps depends on an unstable sort, which numpy implements differently per processor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from tcmbench.encoders import EMBEDS
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    from tcmbench.specs.base import Base

REVISION = "2"
ABILITIES = {"baseline": EMBEDS - {"vectors"}}
WEIGHTS = "built in"


class Options(PluginOptions):
    """Size of the vocabulary."""

    max_features: int = Field(default=8192, ge=1, le=262_144)
    """Terms kept, the most frequent first, equally frequent ones in their own order; vectors are dense, so this bounds
    memory."""


class _Fitted(NamedTuple):
    task: tuple[str, str, str]

    counter: CountVectorizer

    weights: TfidfTransformer


class TfidfEncoder:
    """An encoder in mteb's interface (EncoderProtocol)."""

    zero_means_unknown = True
    """A text without any term of the vocabulary has the zero vector, by definition of TF-IDF."""

    def __init__(self, *, options: Options, meta: ModelMeta) -> None:
        self.mteb_model_meta = meta
        self._options = options
        self._fitted: _Fitted | None = None

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

        texts = [text for batch in inputs for text in batch["text"]]
        # A classification task encodes its train split first and its test split after, under one fit.
        task = (
            str(task_metadata.name),
            hf_subset,
            "" if "Classification" in task_metadata.type else hf_split,
        )
        if self._fitted is None or self._fitted.task != task:
            self._fitted = _fit(texts, task, max_features=self._options.max_features)
        counts = self._fitted.counter.transform(texts)
        # Weights are computed in double precision, since the last digit of a logarithm depends on the processor.
        return np.asarray(self._fitted.weights.transform(counts).astype(np.float32).todense())

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Return cosine similarities, shape (n, m)."""
        from sentence_transformers.util import cos_sim

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Return cosine similarities, shape (n,)."""
        from sentence_transformers.util import pairwise_cos_sim

        return pairwise_cos_sim(embeddings1, embeddings2)


def _fit(texts: Sequence[str], task: tuple[str, str, str], *, max_features: int) -> _Fitted:
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    from tcmbench.text.ngrams import char_bigrams

    counter = CountVectorizer(analyzer=char_bigrams)
    counts = counter.fit_transform(texts)
    frequencies = np.asarray(counts.sum(axis=0))[0]
    kept = np.sort(np.argsort(-frequencies, kind="stable")[:max_features])
    vocabulary = counter.get_feature_names_out()[kept]
    return _Fitted(
        task,
        CountVectorizer(analyzer=char_bigrams, vocabulary=vocabulary),
        TfidfTransformer(sublinear_tf=True).fit(counts[:, kept]),
    )


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> TfidfEncoder:
    """Return the encoder, not yet fitted."""
    return TfidfEncoder(options=options, meta=meta)
