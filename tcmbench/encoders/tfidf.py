"""TF-IDF over characters and bigrams, fitted on each task: a lexical baseline.

The weights are fitted on the documents of a search, which its queries have no part in; in a task without queries on the
first texts that are encoded (the training texts of a classification). So the vector of a text depends on the task and
must not be shared between tasks: this encoder bypasses the cache.

Vectors are the same on all processors. Therefore scikit-learn's `max_features` is not used: which of the equally
frequent terms it keeps depends on an unstable sort, which numpy implements differently per processor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from tcmbench.encoders import EMBEDS
from tcmbench.errors import DataError
from tcmbench.plugins import PluginOptions
from tcmbench.text.documents import document_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    from tcmbench.specs.base import Base

REVISION = "3"
ABILITIES = {"baseline": EMBEDS - {"vectors"}}
WEIGHTS = "built in"


class Options(PluginOptions):
    """Size of the vocabulary."""

    max_features: int = Field(default=8192, ge=1, le=262_144)
    """Terms kept, the most frequent first, equally frequent ones in their own order; vectors are dense, so this bounds
    memory."""


class _Fitted(NamedTuple):
    counter: CountVectorizer

    weights: TfidfTransformer

    def vectors(self, texts: Sequence[str]) -> csr_matrix:
        """Return unit vectors in double precision: the last digit of a logarithm depends on the processor."""
        return self.weights.transform(self.counter.transform(texts))


class _FittedCorpus(NamedTuple):
    """The documents of a search, and the weights that were fitted on them."""

    ids: list[str]

    fitted: _Fitted

    vectors: csr_matrix
    """Unit vectors of the documents, (documents, terms)."""


class TfidfEncoder:
    """An encoder in mteb's interface (EncoderProtocol) that searches by itself (SearchProtocol)."""

    zero_means_unknown = True
    """A text without any term of the vocabulary has the zero vector, by definition of TF-IDF."""

    def __init__(self, *, options: Options, meta: ModelMeta) -> None:
        self.mteb_model_meta = meta
        self._options = options
        self._task: tuple[str, str, str] | None = None
        self._fitted: _Fitted | None = None
        self._searched: _FittedCorpus | None = None

    def index(self, corpus: Iterable[dict[str, Any]], **_: object) -> None:
        """Fit the weights on the documents of a corpus, title and text.

        Raises:
            DataError: No document has a term.
        """
        documents = [(str(row["id"]), document_text(row)) for row in corpus]
        texts = [text for _, text in documents]
        fitted = _fit(texts, max_features=self._options.max_features)
        self._searched = _FittedCorpus([doc_id for doc_id, _ in documents], fitted, fitted.vectors(texts))

    def search(
        self,
        queries: Iterable[dict[str, Any]],
        *,
        top_k: int,
        top_ranked: Mapping[str, Sequence[str]] | None = None,
        **_: object,
    ) -> dict[str, dict[str, float]]:
        """Return query id → document id → cosine similarity, for the best `top_k` or for the candidates given."""
        import numpy as np

        from tcmbench.encoders._lexical import Kept

        if self._searched is None:
            raise ValueError("search was called before index")
        ids, fitted, documents = self._searched
        kept = Kept(ids, top_k=top_k, candidates=top_ranked)
        rows = [(str(row["id"]), str(row["text"])) for row in queries]
        vectors = fitted.vectors([text for _, text in rows])
        results: dict[str, dict[str, float]] = {}
        for place, (query_id, _text) in enumerate(rows):
            # In single precision like the vectors: the last digits of double precision depend on the order of sums.
            scores = (documents @ vectors[place].T).toarray()[:, 0].astype(np.float32)
            results[query_id] = kept.of(query_id, scores)
        return results

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
        if self._fitted is None or self._task != task:
            self._fitted, self._task = _fit(texts, max_features=self._options.max_features), task
        return np.asarray(self._fitted.vectors(texts).astype(np.float32).todense())

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Return cosine similarities, shape (n, m)."""
        from sentence_transformers.util import cos_sim

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Return cosine similarities, shape (n,)."""
        from sentence_transformers.util import pairwise_cos_sim

        return pairwise_cos_sim(embeddings1, embeddings2)


def _fit(texts: Sequence[str], *, max_features: int) -> _Fitted:
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    from tcmbench.text.ngrams import char_bigrams

    counter = CountVectorizer(analyzer=char_bigrams)
    if not any(map(char_bigrams, texts)):
        raise DataError(
            f"TF-IDF: expected a letter, digit or Chinese character in some text, got none in {len(texts)}. Are they "
            "the right texts, in the right encoding?"
        )
    counts = counter.fit_transform(texts)
    frequencies = np.asarray(counts.sum(axis=0))[0]
    kept = np.sort(np.argsort(-frequencies, kind="stable")[:max_features])
    vocabulary = counter.get_feature_names_out()[kept]
    return _Fitted(
        CountVectorizer(analyzer=char_bigrams, vocabulary=vocabulary),
        TfidfTransformer(sublinear_tf=True).fit(counts[:, kept]),
    )


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> TfidfEncoder:
    """Return the encoder, not yet fitted."""
    return TfidfEncoder(options=options, meta=meta)
