"""Random negatives."""

from __future__ import annotations

from collections import Counter

from tcmbench.miners import Corpus, MiningContext, Queries, random


def test_draws_are_uniform() -> None:
    """Over many queries every allowed document is drawn about equally often (5 standard deviations)."""
    ids = tuple(f"d{i}" for i in range(11))
    queries = Queries(tuple(f"q{i}" for i in range(5000)), ("",) * 5000, (frozenset({"d0"}),) * 5000)
    options = random.Options(count=2)
    found = random.mine(queries, Corpus(ids, ids), options=options, seed=1, context=MiningContext())
    drawn = Counter(doc_id for row in found.ids for doc_id in row)
    assert set(drawn) == set(ids[1:])
    assert all(abs(count - 1000) < 5 * 1000**0.5 for count in drawn.values())


def test_other_seed_other_draws(queries: Queries, corpus: Corpus) -> None:
    """The seed decides."""
    first, second = (
        random.mine(queries, corpus, options=random.Options(), seed=seed, context=MiningContext()) for seed in (0, 1)
    )
    assert first != second
