"""How much memory does BM25 need for many documents?

    python -m benchmarks.bm25_index                  100,000 documents
    python -m benchmarks.bm25_index --documents N    as many

Generated documents of 50 words of two characters, drawn by Zipf's law. Memory is the peak of the process beside the
texts, and grows with the number of documents.
"""

from __future__ import annotations

import random
import sys
from itertools import accumulate
from typing import TYPE_CHECKING

from benchmarks import _cost, _result
from benchmarks._result import Row

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from benchmarks._cost import Cost

_DOCUMENTS, _QUICK, _QUERIES = 100_000, 5_000, 20
_CHARACTERS, _WORDS, _LENGTH = 3_000, 20_000, 100
_FIRST = 0x4E00


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Yield one row for the miner and one for the base."""
    documents = _QUICK if given.quick else given.documents
    for name in ("miner", "base"):
        cost: Cost = _cost.apart(search, name, documents)
        yield Row(
            case=f"{name} bm25: {documents:,} documents of {_LENGTH} characters, {_QUERIES} queries",
            unit="processor s",
            ours=cost.cpu,
            mib=cost.mib,
            note=f"{1024 * cost.mib / documents:.1f} KiB per document, beside the texts.",
        )


def search(name: str, documents: int) -> Cost:
    """Return the costs of indexing and of a few queries."""
    import bm25s  # noqa: F401 - its code is not counted as memory
    import scipy.sparse  # noqa: F401

    from tcmbench.encoders import bm25 as base
    from tcmbench.miners import Corpus, MiningContext, Queries, bm25

    texts = _texts(documents)
    ids = tuple(str(number) for number in range(documents))
    asked = Queries(ids[:_QUERIES], texts[:_QUERIES], tuple(frozenset({doc_id}) for doc_id in ids[:_QUERIES]))

    def mine() -> object:
        return bm25.mine(asked, Corpus(ids, texts), options=bm25.Options(), seed=0, context=MiningContext())

    def measure() -> object:
        model = base.BM25Search(options=base.Options(), meta=None)
        model.index({"id": doc_id, "text": text} for doc_id, text in zip(ids, texts, strict=True))
        queries = [{"id": doc_id, "text": text} for doc_id, text in zip(asked.ids, asked.texts, strict=True)]
        return model.search(queries, top_k=100)

    _, cost = _cost.of(mine if name == "miner" else measure)
    return cost


def _texts(count: int) -> tuple[str, ...]:
    drawn = random.Random(0)
    words = ["".join(map(chr, drawn.choices(range(_FIRST, _FIRST + _CHARACTERS), k=2))) for _ in range(_WORDS)]
    weights = list(accumulate(1 / rank for rank in range(1, _WORDS + 1)))
    return tuple("".join(drawn.choices(words, cum_weights=weights, k=_LENGTH // 2)) for _ in range(count))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--documents", type=int, default=_DOCUMENTS, help="number of documents")


if __name__ == "__main__":
    packages = ("bm25s", "scipy", "numpy")
    sys.exit(_result.command(__doc__, lambda given: list(figures(given)), packages=packages, options=_options))
