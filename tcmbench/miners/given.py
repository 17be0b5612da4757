"""The negatives that the training data gives, in its order; random ones where it gives too few."""

from __future__ import annotations

from tcmbench.miners import Corpus, MinerOptions, MiningContext, Negatives, Queries, random

REVISION = "1"
USES = (("miners", "random"),)


class Options(MinerOptions):
    """The options of every miner."""


def mine(queries: Queries, corpus: Corpus, *, options: Options, seed: int, context: MiningContext) -> Negatives:
    """Return the first given negatives of each query, then random ones, which count as filled.

    Raises:
        DataError: The corpus has fewer allowed documents than `count`.
    """
    drawn = random.mine(queries, corpus, options=random.Options(**options.model_dump()), seed=seed, context=context)
    given = [own[: options.count] for own in queries.negatives] or [()] * len(queries.ids)
    ids = tuple(
        (*own, *[doc_id for doc_id in others if doc_id not in own][: options.count - len(own)])
        for own, others in zip(given, drawn.ids, strict=True)
    )
    return Negatives(ids, tuple(options.count - len(own) for own in given))
