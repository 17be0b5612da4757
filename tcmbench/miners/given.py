"""The negatives that the training data gives, in its order; random ones where it gives too few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.miners import Corpus, MinerOptions, MiningContext, Negatives, Queries, random
from tcmbench.miners.selection import Selection, negatives, select

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REVISION = "1"
USES = (("miners", "random"),)

_FIRST = float(1 << 26)
"""Above every drawn key, which have 24 bits; steps of 4 down from here are exact in float32."""


class Options(MinerOptions):
    """The options of every miner."""


def mine(queries: Queries, corpus: Corpus, *, options: Options, seed: int, context: MiningContext) -> Negatives:
    """Return the first given negatives of each query that are allowed, then random ones, which count as filled.

    Raises:
        DataError: The corpus has fewer allowed documents than `count`.
    """
    at = {doc_id: position for position, doc_id in enumerate(corpus.ids)}

    def scores(block: Queries) -> NDArray[np.float32]:
        drawn = random.keys(block.ids, corpus.ids, seed=seed)
        for row, given in enumerate(block.negatives):
            for rank, doc_id in enumerate(given):
                drawn[row, at[doc_id]] = _FIRST - 4 * rank
        return drawn

    selection = Selection(options.count, options.exclude_merged_labels)
    mined = negatives(corpus, select(queries, corpus, scores, selection), count=options.count)
    given = queries.negatives or ((),) * len(queries.ids)
    filled = (sum(doc_id not in own for doc_id in ids) for ids, own in zip(mined.ids, given, strict=True))
    return Negatives(mined.ids, tuple(filled))
