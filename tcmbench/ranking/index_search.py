"""Search through a FAISS index, for corpora on which an exact search takes too long.

The default search (`dense_search`) is exact and holds one chunk of the corpus at a time. An approximate index saves
time where it is searched for many queries, and loses recall: every score computed through one comes with
`search_recall_at_10` and `_100`, the share of the exact neighbours that it returned, measured on a sample of the
queries in the same pass. `flat` is exact up to the rounding of FAISS's products, which can swap documents whose scores
are almost tied; it holds one chunk at a time. The other two hold all vectors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tcmbench.ranking.outcome import Collector, Judgements, Ranked
from tcmbench.ranking.topk import TopK, merge, settle_ties, top_k

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tcmbench.ranking.index_options import IndexOptions

_CUTS = (10, 100)


class IndexSearch(NamedTuple):
    """The result of a search through an index."""

    ranked: Ranked
    """The documents, ranked."""

    recall: dict[str, float]
    """`search_recall_at_10` and `_100` on the sample."""


def search(
    queries: NDArray[np.float32],
    chunks: Iterable[NDArray[np.float32]],
    *,
    judged: Judgements,
    k: int,
    options: IndexOptions,
) -> IndexSearch:
    """Return the documents of highest inner product, through an index.

    Args:
        queries: Query vectors; of length 1 for cosine.
        chunks: Vectors of the documents, a part of the corpus at a time, each released before the next.
        judged: Relevance of documents to queries.
        k: Documents to keep per query.
        options: Kind and parameters of the index.
    """
    k = min(k, len(judged.document_ids))
    sampled = np.linspace(0, len(queries) - 1, min(options.sample, len(queries))).astype(np.int64)
    index = _Blocks(queries, k=k, judged=judged) if options.kind == "flat" else _Index(queries, k=k, options=options)
    exact: TopK | None = None
    start = 0
    for chunk in chunks:
        index.add(np.ascontiguousarray(chunk), start=start, documents=len(judged.document_ids))
        exact = _exact(exact, queries[sampled] @ chunk.T, start=start, k=max(_CUTS), order=judged.order)
        start += len(chunk)
    scores, numbers = index.best()
    collector = Collector(judged, width=k)
    counts = np.count_nonzero(numbers >= 0, axis=1)
    # An index may return fewer than k documents; they come first in the row.
    for count in np.unique(counts).tolist():
        rows = np.flatnonzero(counts == count)
        top = TopK(scores[rows, :count].copy(), numbers[rows, :count].astype(np.int32))
        settle_ties(top.scores, top.documents, order=judged.order)
        collector.add(rows, top)
    recall = {
        f"search_recall_at_{cut}": _recall(exact.documents[:, :cut], numbers[sampled, :cut])
        for cut in _CUTS
        if exact is not None and min(exact.documents.shape[1], k) >= cut
    }
    return IndexSearch(collector.ranked(), recall)


class _Blocks:
    """A flat search, block by block: the index holds one chunk of the corpus, however large the corpus is."""

    def __init__(self, queries: NDArray[np.float32], *, k: int, judged: Judgements) -> None:
        self._queries = np.ascontiguousarray(queries)
        self._k = k
        self._judged = judged
        self._best: TopK | None = None

    def add(self, chunk: NDArray[np.float32], *, start: int, documents: int) -> None:
        """Search a chunk and keep the best documents of all chunks so far."""
        del documents
        import faiss

        index = faiss.IndexFlatIP(chunk.shape[1])
        index.add(chunk)
        # With k above the size of the chunk FAISS would pad the rows with -1.
        scores, numbers = _on_gpus(index).search(self._queries, min(self._k, len(chunk)))
        top = TopK(scores, (numbers + start).astype(np.int32))
        settle_ties(top.scores, top.documents, order=self._judged.order)
        self._best = top if self._best is None else merge(self._best, top, k=self._k, order=self._judged.order)

    def best(self) -> TopK:
        """Return the best documents."""
        if self._best is None:
            return TopK(np.zeros((len(self._queries), 0), np.float32), np.zeros((len(self._queries), 0), np.int32))
        return self._best


class _Index:
    """A search through one index of the whole corpus."""

    def __init__(self, queries: NDArray[np.float32], *, k: int, options: IndexOptions) -> None:
        self._queries = np.ascontiguousarray(queries)
        self._k = k
        self._options = options
        self._index: Any = None

    def add(self, chunk: NDArray[np.float32], *, start: int, documents: int) -> None:
        """Add a chunk to the index, which is trained on the first one."""
        del start
        if self._index is None:
            self._index = _empty_index(chunk, documents=documents, options=self._options)
        self._index.add(chunk)

    def best(self) -> TopK:
        """Return the best documents; -1 where the index returned fewer."""
        scores, numbers = _on_gpus(self._index).search(self._queries, self._k)
        return TopK(scores, numbers)


def _empty_index(chunk: NDArray[np.float32], *, documents: int, options: IndexOptions) -> Any:
    """Return an index of inner products, trained on the first chunk where it needs training."""
    import faiss

    dimensions = chunk.shape[1]
    if options.kind == "hnsw":
        index = faiss.IndexHNSWFlat(dimensions, options.links, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efSearch = options.breadth
        return index
    # k-means needs about 40 vectors per list: fewer lists where the first chunk is small.
    lists = min(options.lists or 4 * math.isqrt(documents), max(len(chunk) // 39, 1))
    index = faiss.index_factory(dimensions, f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = 1234
    index.train(np.ascontiguousarray(chunk))
    index.nprobe = min(options.probes, lists)
    return index


def _on_gpus(index: Any) -> Any:
    """Return the index on all GPUs that FAISS sees (its GPU build also runs without)."""
    import faiss

    return faiss.index_cpu_to_all_gpus(index) if getattr(faiss, "get_num_gpus", int)() else index


def _exact(best: TopK | None, scores: NDArray[np.float32], *, start: int, k: int, order: NDArray[Any]) -> TopK:
    """Return the exact neighbours of the sample, with those of one more chunk."""
    more = top_k(scores, k=k, order=order[start : start + scores.shape[1]])
    more.documents[:] += np.int32(start)
    return more if best is None else merge(best, more, k=k, order=order)


def _recall(exact: NDArray[Any], returned: NDArray[Any]) -> float:
    """Return the share of exact neighbours that were returned."""
    shared = [len(np.intersect1d(a, b)) for a, b in zip(exact, returned, strict=True)]
    return float(sum(shared) / exact.size)
