"""Negatives of the data."""

from __future__ import annotations

from tcmbench.miners import Corpus, MiningContext, Queries, given


def mine(queries: Queries, count: int) -> given.Negatives:
    """Return the negatives in a corpus of six."""
    ids = tuple(f"d{number}" for number in range(6))
    corpus = Corpus(ids, tuple(f"文{name}" for name in ids))
    return given.mine(queries, corpus, options=given.Options(count=count), seed=0, context=MiningContext())


def test_given_negatives_come_first_and_the_rest_is_drawn() -> None:
    """In the order of the data; drawn ones count as filled."""
    queries = Queries(("a", "b"), ("问", "答"), (frozenset({"d0"}), frozenset({"d1"})), (("d5", "d2", "d3"), ("d4",)))
    mined = mine(queries, 2)
    assert mined.ids[0] == ("d5", "d2")
    assert mined.ids[1][0] == "d4"
    assert mined.ids[1][1] not in {"d1", "d4"}
    assert mined.filled == (0, 1)
    assert mine(queries.take([1, 0]), 2).ids == mined.ids[::-1]


def test_without_given_negatives_all_are_drawn() -> None:
    """As by the miner `random`."""
    mined = mine(Queries(("a",), ("问",), (frozenset({"d0"}),)), 3)
    assert len(set(mined.ids[0]) - {"d0"}) == 3
    assert mined.filled == (3,)
