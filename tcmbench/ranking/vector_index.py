"""An index over vectors as they would be stored: the codes of FAISS, its search, and rescoring of the first documents.

Queries and documents are unit vectors, so that inner products are cosines. The inner product is that of the query in
single precision with the decoded document, which has no unit length after quantisation; binary vectors are compared by
the Hamming distance of their signs. So a form is ranked by the arithmetic that it would be deployed with.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tcmbench.errors import EvaluationError
from tcmbench.ranking.topk import TopK
from tcmbench.ranking.unit_vectors import unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tcmbench.ranking.vector_storage import Storage

    Vectors = NDArray[np.float32]

_CODECS = {"float32": "Flat", "float16": "SQfp16", "bfloat16": "SQbf16", "int8": "SQ8"}
_BYTE = 8
_PER_LIST = 39
"""Vectors per list that k-means needs, as FAISS counts them."""


class VectorIndex:
    """The documents of one corpus, stored and searched in one form."""

    def __init__(self, documents: Vectors, *, storage: Storage, name: str) -> None:
        """Learn the codes on the documents, and store these.

        Args:
            documents: Unit vectors with all dimensions, (documents, dimensions).
            storage: The form.
            name: Model, for messages.

        Raises:
            EvaluationError: Fewer dimensions or documents than the form needs.
        """
        kept = shortened(documents, storage.dimensions, name=name)
        require_fitting(storage, dimensions=kept.shape[1], documents=len(kept), name=name)
        self.count = len(kept)
        self._storage = storage
        self._dimensions = kept.shape[1]
        self._name = name
        if storage.precision == "binary":
            self._index = _binary_index(kept, storage)
        else:
            self._index = _index(kept, storage)
        self._second = _Second(kept, storage) if storage.rescore else None

    @property
    def bytes_per_document(self) -> int:
        """Bytes stored of one document's vector, those for rescoring included; without lists, graph and codebooks."""
        second = 0 if self._second is None else self._second.bytes_per_document
        return _code_bytes(self._storage, self._dimensions) + second

    @property
    def bytes(self) -> int:
        """Bytes of the whole index as FAISS writes it, and of the vectors for rescoring."""
        import faiss

        is_binary = self._storage.precision == "binary"
        written = faiss.serialize_index_binary(self._index) if is_binary else faiss.serialize_index(self._index)
        second = 0 if self._second is None else self._second.bytes_per_document * self.count
        return int(written.size) + second

    def search(self, queries: Vectors, k: int) -> TopK:
        """Return the `k` best documents per query, best first; number -1 where the index returned fewer.

        Args:
            queries: Unit vectors with all dimensions, (queries, dimensions).
            k: Documents per query; all of them where there are fewer.
        """
        kept = shortened(queries, self._storage.dimensions, name=self._name)
        top = self._first(kept, min(k, self.count))
        return top if self._second is None else _rescored(top, kept, self._second, count=self._storage.rescore)

    def _first(self, queries: Vectors, k: int) -> TopK:
        if self._storage.precision != "binary":
            scores, numbers = self._index.search(queries, k)
            return TopK(scores, numbers)
        distances, numbers = self._index.search(packed(queries), k)
        # The cosine of two vectors of signs.
        return TopK((1 - 2 * distances / self._dimensions).astype(np.float32), numbers)


class _Second:
    """What the first documents of a search are scored with again."""

    def __init__(self, documents: Vectors, storage: Storage) -> None:
        dimensions = documents.shape[1]
        if storage.rescore_with == "codes":
            self._stored, self.bytes_per_document = signs(documents), 0
        elif storage.rescore_with == "int8":
            self._stored, self.bytes_per_document = decoded(documents, "int8"), dimensions
        else:
            self._stored, self.bytes_per_document = documents, 4 * dimensions

    def scores(self, query: Vectors, places: NDArray[np.int64]) -> Vectors:
        """Return the scores of some documents."""
        scores: Vectors = self._stored[places] @ query
        return scores


def _rescored(top: TopK, queries: Vectors, second: _Second, *, count: int) -> TopK:
    """Return the search with its first documents ordered by their second scores; the others stay behind them."""
    scores, numbers = top.scores.copy(), top.documents.copy()
    for row, query in enumerate(queries):
        places = numbers[row, :count]
        places = places[places >= 0]
        if not places.size:
            continue
        again = second.scores(query, places)
        order = np.argsort(-again, kind="stable")
        numbers[row, : places.size], scores[row, : places.size] = places[order], again[order]
        rest = scores[row, places.size :]
        if rest.size:
            rest += again.min() - rest[0] - 1
    return TopK(scores, numbers)


class StoredCandidates:
    """Documents of which the candidates of a query are compared one by one, whatever the index of the form is."""

    def __init__(self, stored: Vectors, documents: Vectors, *, storage: Storage) -> None:
        """Prepare the documents.

        Args:
            stored: Documents as storing leaves them, by `decoded`.
            documents: The same in single precision, (documents, dimensions kept).
            storage: The form.
        """
        self._stored = stored
        self._storage = storage
        self._second = _Second(documents, storage) if storage.rescore else None

    def scores(self, query: Vectors, places: NDArray[np.int64]) -> Vectors:
        """Return the scores of some documents; the best by their codes have their second score, above the others.

        Args:
            query: Unit vector of the dimensions kept.
            places: Numbers of the documents.
        """
        is_binary = self._storage.precision == "binary"
        first = self._stored[places] @ (signs(query) / len(query) if is_binary else query)
        if self._second is None or not places.size:
            return np.asarray(first, dtype=np.float32)
        order = np.argsort(-first, kind="stable")
        top = TopK(first[order][None].astype(np.float32), order[None])
        top = top._replace(documents=places[order][None])
        again = _rescored(top, query[None], self._second, count=self._storage.rescore)
        scores = np.empty(len(places), dtype=np.float32)
        place_of = {int(document): place for place, document in enumerate(places)}
        for document, score in zip(again.documents[0].tolist(), again.scores[0].tolist(), strict=True):
            scores[place_of[document]] = score
        return scores


def shortened(vectors: Vectors, dimensions: int | None, *, name: str) -> Vectors:
    """Return the first dimensions of vectors, of unit length.

    Raises:
        EvaluationError: They have fewer.
    """
    if dimensions is None:
        return np.ascontiguousarray(vectors, dtype=np.float32)
    if vectors.shape[1] < dimensions:
        raise EvaluationError(
            f"{name}: expected at least {dimensions} dimensions, as the form keeps so many, got {vectors.shape[1]}. "
            "Lower `dimensions` of the form."
        )
    return unit(vectors[:, :dimensions])


def signs(vectors: Vectors) -> Vectors:
    """Return +1 for values above zero and -1 for others."""
    return np.where(vectors > 0, np.float32(1), np.float32(-1))


def packed(vectors: Vectors) -> NDArray[np.uint8]:
    """Return the signs as bits, (vectors, dimensions / 8)."""
    return np.packbits(vectors > 0, axis=1)


def decoded(vectors: Vectors, precision: str, *, storage: Storage | None = None) -> Vectors:
    """Return vectors as they are after storing; ranges and codes are learned on these vectors.

    Args:
        vectors: Vectors, (vectors, dimensions kept).
        precision: As in `Storage`.
        storage: Parts and bits of product quantisation.
    """
    import faiss

    if precision == "float32" or not len(vectors):
        return vectors
    if precision == "binary":
        return signs(vectors)
    parts = "" if storage is None else _product(storage, vectors.shape[1])
    codec = faiss.index_factory(
        vectors.shape[1], parts if precision == "pq" else _CODECS[precision], faiss.METRIC_INNER_PRODUCT
    )
    _accept_few(codec)
    codec.train(vectors)
    result: Vectors = codec.sa_decode(codec.sa_encode(vectors))
    return result


def require_fitting(storage: Storage, *, dimensions: int, documents: int, name: str) -> None:
    """Check that vectors can be stored in a form.

    Raises:
        EvaluationError: They can't.
    """
    if storage.precision == "binary" and dimensions % _BYTE:
        raise EvaluationError(
            f"{name}: expected dimensions in eights for binary vectors, got {dimensions}. Set `dimensions` of the form "
            f"to {dimensions - dimensions % _BYTE}."
        )
    if storage.precision != "pq":
        return
    parts, codes = _parts(storage, dimensions), 1 << storage.bits
    if not parts or dimensions % parts:
        raise EvaluationError(
            f"{name}: expected parts of equal length for product quantisation, got {parts} parts of {dimensions} "
            "dimensions. Set `parts` of the form to a divisor."
        )
    if documents < codes:
        raise EvaluationError(
            f"{name}: expected at least {codes} documents to learn {codes} codes on, got {documents}. Lower `bits` of "
            "the form, or leave such small corpora unquantised."
        )


def _index(documents: Vectors, storage: Storage) -> Any:
    import faiss

    dimensions = documents.shape[1]
    codec = _product(storage, dimensions) if storage.precision == "pq" else _CODECS[storage.precision]
    lists = _lists(storage, len(documents))
    factory = {"flat": codec, "ivf": f"IVF{lists},{codec}", "hnsw": f"HNSW{storage.links}_{codec}"}[storage.index]
    index = faiss.index_factory(dimensions, factory, faiss.METRIC_INNER_PRODUCT)
    _set_up(index, storage, lists)
    _accept_few(index)
    index.train(documents)
    with _one_thread(storage):
        index.add(documents)
    return index


def _binary_index(documents: Vectors, storage: Storage) -> Any:
    import faiss

    lists = _lists(storage, len(documents))
    factory = {"flat": "BFlat", "ivf": f"BIVF{lists}", "hnsw": f"BHNSW{storage.links}"}[storage.index]
    index = faiss.index_binary_factory(documents.shape[1], factory)
    _set_up(index, storage, lists)
    bits = packed(documents)
    index.train(bits)
    with _one_thread(storage):
        index.add(bits)
    return index


def _set_up(index: Any, storage: Storage, lists: int) -> None:
    if storage.index == "hnsw":
        index.hnsw.efSearch = storage.breadth
    elif storage.index == "ivf":
        index.cp.seed = 1234
        index.nprobe = min(storage.probes, lists)


def _accept_few(index: Any) -> None:
    """Learn codes without a warning for each part, on few documents too: a small corpus has no more."""
    if hasattr(index, "pq"):
        index.pq.cp.min_points_per_centroid = 1


@contextlib.contextmanager
def _one_thread(storage: Storage) -> Iterator[None]:
    """Build a graph in one thread: with several, its links depend on which document comes first."""
    import faiss

    threads = faiss.omp_get_max_threads()
    if storage.index == "hnsw":
        faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _lists(storage: Storage, documents: int) -> int:
    return min(storage.lists or 4 * math.isqrt(documents), max(documents // _PER_LIST, 1))


def _parts(storage: Storage, dimensions: int) -> int:
    return storage.parts or dimensions // _BYTE


def _product(storage: Storage, dimensions: int) -> str:
    # np: without the training of codes for a search by Hamming distance, which takes a thousand times as long.
    return f"PQ{_parts(storage, dimensions)}x{storage.bits}np"


def _code_bytes(storage: Storage, dimensions: int) -> int:
    """Return the bytes of one document's code."""
    if storage.precision == "pq":
        return -(-_parts(storage, dimensions) * storage.bits // _BYTE)
    return {"float32": 4 * dimensions, "binary": dimensions // _BYTE, "int8": dimensions}.get(
        storage.precision, 2 * dimensions
    )
