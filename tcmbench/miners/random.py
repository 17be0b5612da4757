"""Random negatives: cheap, and rarely false negatives."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tcmbench.miners import Corpus, MinerOptions, MiningContext, Negatives, Queries
from tcmbench.miners.selection import Candidates, Selection, negatives, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

REVISION = "1"

_HASH_BYTES = 8


class Options(MinerOptions):
    """The options of every miner."""


def mine(queries: Queries, corpus: Corpus, *, options: Options, seed: int, context: MiningContext) -> Negatives:
    """Return documents drawn uniformly among those that are allowed.

    A draw depends on the seed, the query's id and the documents' ids alone: the same query gets the same
    negatives in any order of queries and documents.

    Raises:
        DataError: The corpus has fewer allowed documents than `count`.
    """
    return negatives(corpus, candidates(queries, corpus, options=options, seed=seed), count=options.count)


def candidates(queries: Queries, corpus: Corpus, *, options: MinerOptions, seed: int) -> Candidates:
    """Return `options.count` documents per query, in random order."""
    return select(
        queries,
        corpus,
        lambda block: keys(block.ids, corpus.ids, seed=seed),
        Selection(options.count, options.exclude_merged_labels),
    )


def keys(queries: Sequence[str], documents: Sequence[str], *, seed: int) -> NDArray[np.float32]:
    """Return a random number for each query and document [queries, documents], from their ids alone."""
    import numpy as np

    mixed = _mix(_hashes(queries, seed=seed)[:, None] ^ _hashes(documents, seed=seed)[None, :])
    # 24 bits fit a float; ties among documents are broken by position.
    return (mixed >> np.uint64(40)).astype(np.float32)


def _hashes(ids: Sequence[str], *, seed: int) -> NDArray[np.uint64]:
    import numpy as np

    key = str(seed).encode()
    digests = (hashlib.blake2b(i.encode(), digest_size=_HASH_BYTES, key=key).digest() for i in ids)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the finalizer of SplitMix64 (Steele, Lea and Flood 2014), which spreads every bit over all."""
    import numpy as np

    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
