"""Are negatives mined from a million documents in the memory of a small machine?

    python -m benchmarks.mining_a_million

Random vectors of 64 numbers, each query near a positive of its own, and a margin of 5%. Memory is what is needed beside
the vectors. Embedding negatives come from FAISS, random ones from scores of all documents in blocks.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import _cost, _result
from benchmarks._result import Row

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks._cost import Cost
    from tcmbench.miners import TextKind

_DOCUMENTS, _QUICK, _DIMENSIONS = 1_000_000, 250_000, 64
_QUERIES = {"embedding": 500, "random": 40}
_MOST_MIB = 2048


class _Vectors:
    """A model whose vectors are drawn beforehand."""

    revision = "drawn"

    def __init__(self, documents: int, asked: int) -> None:
        import numpy as np

        rng = np.random.default_rng(0)
        drawn = rng.standard_normal((documents, _DIMENSIONS), dtype=np.float32)
        near = drawn[:asked] + 0.3 * rng.standard_normal((asked, _DIMENSIONS), dtype=np.float32)
        self._of = {"document": drawn, "query": near}

    def embed(self, texts: Sequence[str], *, kind: TextKind) -> NDArray[np.float32]:
        """Return them."""
        return self._of[kind][: len(texts)]


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Yield one row per miner."""
    documents = _QUICK if given.quick else _DOCUMENTS
    for name, asked in _QUERIES.items():
        cost: Cost = _cost.apart(mine, name, documents, asked)
        yield Row(
            case=f"{name}: {asked:,} queries × {documents:,} documents × {_DIMENSIONS} dimensions",
            unit="processor s",
            ours=cost.cpu,
            mib=cost.mib,
            most_mib=_MOST_MIB,
            note="Memory beside the vectors and texts.",
        )


def mine(name: str, documents: int, asked: int) -> Cost:
    """Return the costs of mining eight negatives per query."""
    import faiss  # noqa: F401 - its code is not counted as memory

    from tcmbench import plugins
    from tcmbench.miners import Corpus, MiningContext, Queries

    ids = tuple(f"d{number}" for number in range(documents))
    corpus = Corpus(ids, tuple(f"text {number}" for number in range(documents)))
    names = tuple(f"q{number:07}" for number in range(asked))
    queries = Queries(names, names, tuple(frozenset({ids[number]}) for number in range(asked)))
    model = _Vectors(documents, asked)
    context = MiningContext(embedder=lambda _: model)
    miner = plugins.use("miners", name, {"margin_relative": 0.95} if name == "embedding" else {})
    _, cost = _cost.of(lambda: miner.module.mine(queries, corpus, options=miner.options, seed=0, context=context))
    return cost


if __name__ == "__main__":
    packages = ("faiss-cpu", "numpy")
    sys.exit(_result.command(__doc__, lambda given: list(figures(given)), packages=packages))
