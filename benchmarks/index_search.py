"""Is a corpus of a million vectors searched in the memory of a small machine, and what does an index find?

    python -m benchmarks.index_search                          the flat index at full size, the others smaller
    python -m benchmarks.index_search --kind ivf --documents 1000000

A million float32 vectors of 1,024 numbers are 3.8 GiB. The flat index (FAISS, exact) holds one chunk of the corpus at a
time, so its memory doesn't grow with the corpus; an IVF or HNSW index holds all vectors. Vectors form clusters, as
those of texts do. One chunk is drawn; the others are this one with the signs of random dimensions flipped, computed on
demand, as if read from the memory-mapped cache; this is not counted as time (but as memory). The rival of an index is
the exact search of the same vectors.

A million documents are searched for 64 queries, since time grows with both and the question is memory: each query adds
its vector and 100 hits, 5 KiB. Recall is the share of the exact nearest neighbours that an index returns, measured in
the same pass on up to 200 queries, as it is reported with every score computed through an index.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import _cost, _result
from benchmarks._result import Row

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Literal

    import numpy as np
    from numpy.typing import NDArray

_DIMENSIONS, _CHUNK, _DEPTH = 1024, 50_000, 100
_DOCUMENTS = {"flat": 1_000_000, "ivf": 50_000, "hnsw": 10_000}
_QUERIES = {"flat": 64, "ivf": 1000, "hnsw": 1000}
_QUICK = 3_000
_CLUSTERS = 500
_MOST_MIB = 6 * 1024


class Searched(NamedTuple):
    """One search."""

    cpu: float
    mib: float
    recall: float


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Yield one row per index."""
    for kind in given.kind or _DOCUMENTS:
        documents = given.documents or (_QUICK if given.quick else _DOCUMENTS[kind])
        asked = _QUERIES[kind]
        found: Searched = _cost.apart(search, kind, documents, asked)
        exact: Searched | None = _cost.apart(search, "flat", documents, asked) if kind != "flat" else None
        what = f"{asked:,} queries × {documents:,} documents × {_DIMENSIONS:,} dimensions"
        yield Row(
            case=f"{kind}: {what}",
            unit="processor s",
            ours=found.cpu,
            rival=exact.cpu if exact else None,
            rival_name="the flat index" if exact else "",
            mib=found.mib,
            rival_mib=exact.mib if exact else None,
            most_mib=_MOST_MIB,
            note="Building an index is counted; it is worth it where it is searched more often than once.",
        )
        yield Row(
            case=f"{kind}: recall at 100",
            unit="share of the exact neighbours",
            ours=found.recall,
            least=0.9999 if kind == "flat" else None,
        )


def search(kind: Literal["flat", "ivf", "hnsw"], documents: int, asked: int) -> Searched:
    """Return costs and recall of a search through an index."""
    import faiss
    import numpy as np

    from tcmbench.ranking import index_search
    from tcmbench.ranking.index_options import IndexOptions
    from tcmbench.ranking.outcome import judgements
    from tcmbench.ranking.topk import id_order

    faiss.omp_set_num_threads(1)
    ids = [f"d{number:07d}" for number in range(documents)]
    query_ids = [f"q{number}" for number in range(asked)]
    judged = judgements(
        query_ids,
        {doc_id: number for number, doc_id in enumerate(ids)},
        {query_id: {ids[number]: 1} for number, query_id in enumerate(query_ids)},
        order=id_order(ids),
        ignore_identical=False,
    )
    queries = vectors(asked, seed=1)
    drawn = vectors(min(_CHUNK, documents), seed=2)
    making = 0.0

    def chunks() -> Iterator[NDArray[np.float32]]:
        nonlocal making
        for start in range(0, documents, _CHUNK):
            before = time.process_time()
            signs = np.random.default_rng(start).choice(np.array([1, -1], dtype=np.float32), _DIMENSIONS)
            chunk = drawn[: documents - start] * (signs if start else 1)
            making += time.process_time() - before
            yield chunk
            del chunk

    options = IndexOptions(kind=kind)
    found, cost = _cost.of(lambda: index_search.search(queries, chunks(), judged=judged, k=_DEPTH, options=options))
    return Searched(cost.cpu - making, cost.mib, found.recall["search_recall_at_100"])


def vectors(count: int, *, seed: int) -> NDArray[np.float32]:
    """Return unit vectors around common centres."""
    import numpy as np

    centres = np.random.default_rng(0).standard_normal((_CLUSTERS, _DIMENSIONS), dtype=np.float32)
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((count, _DIMENSIONS), dtype=np.float32)
    found *= 0.7
    members = rng.integers(0, _CLUSTERS, count)
    for start in range(0, count, 1000):
        found[start : start + 1000] += centres[members[start : start + 1000]]
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def options(parser: argparse.ArgumentParser) -> None:
    """Add the index and its size."""
    parser.add_argument("--kind", choices=_DOCUMENTS, action="append", help="only this one; may be given again")
    parser.add_argument("--documents", type=int, help="size of the corpus")


if __name__ == "__main__":
    packages = ("faiss-cpu", "numpy")
    sys.exit(_result.command(__doc__, lambda given: list(figures(given)), packages=packages, options=options))
