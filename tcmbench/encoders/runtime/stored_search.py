"""Models around a dense one whose vectors are cut, stored in fewer bytes or searched through an index.

The vectors of the dense model come from its cache: all forms of a model share one encoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tcmbench.encoders.runtime.composed import Composed, role_of
from tcmbench.encoders.runtime.loaders import text_loader
from tcmbench.ranking import vector_index
from tcmbench.ranking.unit_vectors import unit
from tcmbench.ranking.vector_index import VectorIndex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasets import Dataset
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models import ModelMeta
    from numpy.typing import NDArray

    from tcmbench.encoders.runtime.text_encoder import TextEncoder
    from tcmbench.ranking.vector_storage import Storage

    Vectors = NDArray[np.float32]

_CUTS = (10, 100)
_SAMPLE = 200
"""Queries on which the recall of the exact neighbours is measured."""


class ShortVectors(Composed):
    """A dense model whose vectors are cut to their first dimensions."""

    def __init__(self, dense: TextEncoder | Composed, *, dimensions: int | None, meta: ModelMeta) -> None:
        """Wrap a model.

        Args:
            dense: The dense model.
            dimensions: Dimensions kept; None for all.
            meta: Description of the whole.
        """
        super().__init__(dense, meta=meta)
        self._dimensions = dimensions

    def encode(self, inputs: Any, **arguments: Any) -> Vectors:
        """Return one vector per text, of unit length.

        Raises:
            EvaluationError: The dense model has fewer dimensions.
        """
        vectors: Vectors = super().encode(inputs, **arguments)
        return vector_index.shortened(vectors, self._dimensions, name=str(self.mteb_model_meta.name))


class StoredSearch(Composed):
    """A dense model whose documents are stored and searched in a form (mteb's SearchProtocol)."""

    def __init__(self, dense: TextEncoder | Composed, *, storage: Storage, meta: ModelMeta) -> None:
        """Wrap a model.

        Args:
            dense: The dense model.
            storage: The form.
            meta: Description of the whole.
        """
        super().__init__(dense, meta=meta)
        self._storage = storage
        self._name = str(meta.name).removeprefix("tcmbench/")
        self._corpus: Dataset | None = None
        self.search_facts: dict[str, float] = {}
        """Of the last search: recall of the exact neighbours, bytes per document and of the index."""

    def encode(self, inputs: Any, **arguments: Any) -> Vectors:
        """Return one vector per text as storing leaves it; those of queries stay in single precision, or are signs.

        Raises:
            EvaluationError: The dense model's vectors don't fit the form.
        """
        kept = vector_index.shortened(
            unit(super().encode(inputs, **arguments)), self._storage.dimensions, name=self._name
        )
        role = role_of(arguments["task_metadata"], arguments.get("prompt_type"))
        if role == "query" and self._storage.precision != "binary":
            return kept
        return self._decoded(kept)

    def index(self, corpus: Dataset, **_: Any) -> None:
        """Keep the corpus; its documents are encoded when they are searched."""
        self._corpus = corpus

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
            EvaluationError: The dense model's vectors don't fit the form.
        """
        if self._corpus is None:
            raise ValueError("search was called before index")
        corpus, self._corpus = self._corpus, None

        def encode(texts: Dataset, role: Any) -> Vectors:
            loader = text_loader(
                texts, task_metadata=task_metadata, prompt_type=role, num_proc=num_proc, options=dict(encode_kwargs)
            )
            return unit(
                super(StoredSearch, self).encode(
                    loader, task_metadata=task_metadata, hf_split=hf_split, hf_subset=hf_subset, prompt_type=role
                )
            )

        from mteb.types import PromptType

        work = _Searched(
            [str(name) for name in queries["id"][:]],
            [str(name) for name in corpus["id"][:]],
            encode(queries, PromptType.query),
            encode(corpus, PromptType.document),
        )
        if top_ranked is None:
            return self._search_all(work, top_k=top_k)
        return self._order_candidates(work, top_ranked, top_k=top_k)

    def _search_all(self, work: _Searched, *, top_k: int) -> dict[str, dict[str, float]]:
        """Return the best documents of the corpus."""
        index = VectorIndex(work.documents, storage=self._storage, name=self._name)
        top = index.search(work.queries, top_k)
        self.search_facts = {
            **_recall(work, top.documents),
            "bytes_per_document": float(index.bytes_per_document),
            "index_bytes": float(index.bytes),
        }
        return {
            query: {work.ids[place]: score for place, score in zip(places, scores, strict=True) if place >= 0}
            for query, places, scores in zip(work.query_ids, top.documents.tolist(), top.scores.tolist(), strict=True)
        }

    def _order_candidates(
        self, work: _Searched, candidates: Mapping[str, Sequence[str]], *, top_k: int
    ) -> dict[str, dict[str, float]]:
        """Return the candidates of every query by their codes, whatever the index; the first are scored again."""
        self.search_facts = {}
        kept = vector_index.shortened(work.documents, self._storage.dimensions, name=self._name)
        queries = vector_index.shortened(work.queries, self._storage.dimensions, name=self._name)
        ranking = vector_index.StoredCandidates(self._decoded(kept), kept, storage=self._storage)
        position = {doc_id: place for place, doc_id in enumerate(work.ids)}
        results: dict[str, dict[str, float]] = {}
        for query, vector in zip(work.query_ids, queries, strict=True):
            pool = [*dict.fromkeys(candidates.get(query, ()))]  # one listed twice is one candidate
            places = np.array([position[doc_id] for doc_id in pool], dtype=np.int64)
            scores = ranking.scores(vector, places)
            best = np.argsort(-scores, kind="stable")[:top_k]
            results[query] = {pool[place]: float(scores[place]) for place in best.tolist()}
        return results

    def _decoded(self, kept: Vectors) -> Vectors:
        vector_index.require_fitting(self._storage, dimensions=kept.shape[1], documents=len(kept), name=self._name)
        return vector_index.decoded(kept, self._storage.precision, storage=self._storage)


class _Searched(NamedTuple):
    """One search: ids and unit vectors of queries and documents."""

    query_ids: list[str]

    ids: list[str]

    queries: Vectors

    documents: Vectors


def _recall(work: _Searched, returned: NDArray[Any]) -> dict[str, float]:
    """Return the share of the exact nearest documents, by all dimensions in single precision, that were returned."""
    sampled = np.linspace(0, len(work.queries) - 1, min(_SAMPLE, len(work.queries))).astype(np.int64)
    exact = np.argsort(-(work.queries[sampled] @ work.documents.T), axis=1, kind="stable")
    found = returned[sampled]
    recall = {}
    for cut in (cut for cut in _CUTS if cut <= returned.shape[1]):
        shared = [len(np.intersect1d(a[:cut], b[:cut])) for a, b in zip(exact, found, strict=True)]
        recall[f"search_recall_at_{cut}"] = sum(shared) / (cut * len(shared))
    return recall
