"""From scores to negatives, with the rules that hold for every miner.

A miner provides the scores of a block of queries; `select` returns candidates, and `negatives` their ids:

    def mine(queries, corpus, *, options, seed, context):
        candidates = select(queries, corpus, lambda block: my_scores(block.texts, corpus.texts), Selection.of(options))
        return negatives(corpus, candidates, count=options.count)
"""

from __future__ import annotations

from tcmbench.miners.selection.choice import Candidates, Selection, negatives, select
from tcmbench.miners.selection.forbidden import Forbidden, copies_of
from tcmbench.miners.selection.nearest import select_nearest

__all__ = ["Candidates", "Forbidden", "Selection", "copies_of", "negatives", "select", "select_nearest"]
