"""Search with fused scores of a dense model and BM25 (mteb's SearchProtocol).

Both score every document of the corpus, or every candidate of a query: nothing is cut before the fusion. In memory are
the vectors of the documents, BM25's index and one block of scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from tcmbench.encoders import bm25
from tcmbench.encoders.runtime.composed import Composed
from tcmbench.encoders.runtime.loaders import text_loader
from tcmbench.errors import EvaluationError
from tcmbench.ranking.fusion import Method, fuse
from tcmbench.ranking.topk import row_blocks
from tcmbench.text.documents import document_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import bm25s
    import torch
    from datasets import Dataset
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models import ModelMeta
    from mteb.types import PromptType
    from numpy.typing import NDArray

    from tcmbench.encoders.runtime.text_encoder import TextEncoder

_CHUNK = 50_000
"""Documents that are encoded and multiplied at once, as in mteb: the shape of a product decides its last bits."""

_BLOCK_BYTES = 64 << 20
_BYTES_PER_SCORE = 40
"""Two scores in single precision, and their normalised and fused forms in double."""


class Fusing(NamedTuple):
    """How scores are fused, as in the options of the encoder `fusion`."""

    method: Method

    weight: float
    """Share of BM25."""

    rrf_k: float

    tokens: Literal["char_bigrams", "words"]

    k1: float

    b: float


class _Corpus(NamedTuple):
    """The corpus of a search."""

    corpus: Dataset

    ids: list[str]

    lexical: bm25s.BM25


class FusedSearch(Composed):
    """A dense model whose scores are fused with BM25's; texts of tasks without queries are encoded by it alone."""

    def __init__(self, dense: TextEncoder | Composed, *, options: Fusing, meta: ModelMeta) -> None:
        super().__init__(dense, meta=meta)
        self._options = options
        self._tokenize = bm25.tokenizer(options.tokens)
        self._index: _Corpus | None = None

    def index(self, corpus: Dataset, **_: Any) -> None:
        """Build BM25's index; documents are encoded when they are searched.

        Raises:
            DataError: No document has a term.
        """
        terms = [self._tokenize(document_text(row)) for row in corpus]
        lexical = bm25.build_index(terms, k1=self._options.k1, b=self._options.b)
        self._index = _Corpus(corpus, [str(name) for name in corpus["id"][:]], lexical)

    def search(
        self,
        queries: Dataset,
        *,
        task_metadata: TaskMetadata,
        hf_split: str,
        hf_subset: str,
        top_k: int,
        encode_kwargs: Mapping[str, Any],
        top_ranked: Mapping[str, Sequence[str]] | None = None,
        num_proc: int | None = None,
        **_: Any,
    ) -> dict[str, dict[str, float]]:
        """Return query id → document id → score, for the best `top_k` or for the candidates given.

        Raises:
            EvaluationError: The dense model's scores are not numbers.
        """
        if self._index is None:
            raise ValueError("search was called before index")
        index, self._index = self._index, None

        def encode(texts: Dataset, role: PromptType) -> torch.Tensor:
            loader = text_loader(
                texts, task_metadata=task_metadata, prompt_type=role, num_proc=num_proc, options=dict(encode_kwargs)
            )
            vectors = self.encode(
                loader, task_metadata=task_metadata, hf_split=hf_split, hf_subset=hf_subset, prompt_type=role
            )
            return _unit(vectors)

        work = _Work(index, queries, encode)
        if top_ranked is None:
            return self._search_all(work, top_k=top_k)
        return self._order_candidates(work, top_ranked, top_k=top_k)

    def _search_all(self, work: _Work, *, top_k: int) -> dict[str, dict[str, float]]:
        """Return the best documents of the corpus."""
        queries, documents = work.query_vectors(), work.document_chunks()
        ids = work.index.ids
        results: dict[str, dict[str, float]] = {}
        size = max(_BLOCK_BYTES // (_BYTES_PER_SCORE * max(len(ids), 1)), 2)
        for block in row_blocks(len(work.texts), size=size):
            dense = np.concatenate([(queries[block] @ chunk.T).numpy() for chunk in documents], axis=1)
            lexical = np.stack([self._lexical(work.index, text) for text in work.texts[block]])
            fused = self._fused(dense, lexical)
            # Stable on the negated array, as in BM25: among equal scores the earlier document comes first.
            best = np.argsort(-fused, axis=1, kind="stable")[:, :top_k]
            for query, row, scores in zip(work.ids[block], best.tolist(), fused, strict=True):
                results[query] = {ids[place]: float(scores[place]) for place in row}
        return results

    def _order_candidates(
        self, work: _Work, candidates: Mapping[str, Sequence[str]], *, top_k: int
    ) -> dict[str, dict[str, float]]:
        """Return the candidates of every query; scores are normalised over the candidates of the query."""
        import torch

        queries, documents = work.query_vectors(), torch.cat(work.document_chunks())
        position = {doc_id: place for place, doc_id in enumerate(work.index.ids)}
        results: dict[str, dict[str, float]] = {}
        for row, (query, text) in enumerate(zip(work.ids, work.texts, strict=True)):
            pool = [*dict.fromkeys(candidates.get(query, ()))]  # one listed twice is one candidate
            places = np.array([position[doc_id] for doc_id in pool], dtype=np.int64)
            if not places.size:
                results[query] = {}
                continue
            # One query at a time, as in mteb.
            dense = (queries[row : row + 1] @ documents[places].T).numpy()
            fused = self._fused(dense, self._lexical(work.index, text)[None, places])[0]
            best = np.argsort(-fused, kind="stable")[:top_k]
            results[query] = {pool[place]: float(fused[place]) for place in best.tolist()}
        return results

    def _fused(self, dense: NDArray[np.float32], lexical: NDArray[np.float32]) -> NDArray[np.float32]:
        if not np.isfinite(dense).all():
            raise EvaluationError(
                f"{self.mteb_model_meta.name}: expected numbers as scores of the dense model, got NaN or infinity."
            )
        options = self._options
        return fuse(dense, lexical, method=options.method, weight=options.weight, rrf_k=options.rrf_k)

    def _lexical(self, index: _Corpus, text: str) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = bm25.term_scores(index.lexical, self._tokenize(text), documents=len(index.ids))
        return scores


class _Work:
    """One search: the corpus, the queries, and how they are encoded."""

    def __init__(self, index: _Corpus, queries: Dataset, encode: Callable[[Dataset, PromptType], torch.Tensor]) -> None:
        self.index = index
        self.ids = [str(name) for name in queries["id"][:]]
        self.texts = [str(text) for text in queries["text"][:]]
        self._queries = queries
        self._encode = encode

    def query_vectors(self) -> torch.Tensor:
        from mteb.types import PromptType

        return self._encode(self._queries, PromptType.query)

    def document_chunks(self) -> list[torch.Tensor]:
        return list(self._chunks())

    def _chunks(self) -> Iterator[torch.Tensor]:
        from mteb.types import PromptType

        corpus, count = self.index.corpus, len(self.index.ids)
        for start in range(0, count, _CHUNK):
            whole = count <= _CHUNK
            part = corpus if whole else corpus.select(range(start, min(start + _CHUNK, count)))
            yield self._encode(part, PromptType.document)


def _unit(vectors: NDArray[np.float32]) -> torch.Tensor:
    """Return vectors of unit length, computed as in mteb's cosine."""
    import torch

    return torch.nn.functional.normalize(torch.as_tensor(vectors), p=2, dim=1)
