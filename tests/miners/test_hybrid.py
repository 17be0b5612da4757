"""Hybrid negatives: the shares, their order, and what fills up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcmbench import plugins
from tcmbench.errors import SpecError
from tcmbench.miners import Corpus, MiningContext, Queries, bm25, embedding, hybrid, random


def by_hand(lists: list[list[int]], shares: list[int]) -> list[int]:
    """Return the choice as the docstring of the miner says it, one document at a time."""
    chosen: list[list[int]] = [[], [], []]
    for source, share in enumerate(shares):
        for document in lists[source]:
            if len(chosen[source]) < share and all(document not in part for part in chosen):
                chosen[source].append(document)
    for source in range(3):
        for document in lists[source]:
            if sum(map(len, chosen)) < sum(shares) and all(document not in part for part in chosen):
                chosen[source].append(document)
    return chosen[2] + chosen[1] + chosen[0]


ranking = st.permutations(range(12)).map(list)


@given(lists=st.tuples(ranking, ranking, ranking), lengths=st.tuples(*[st.integers(0, 12)] * 2))
def test_choice_is_random_then_bm25_then_embedding(
    lists: tuple[list[int], list[int], list[int]], lengths: tuple[int, int]
) -> None:
    """Each source gives its next best that is left; what is short is filled up in the same order."""
    cut = [lists[0], lists[1][: lengths[0]], lists[2][: lengths[1]]]
    assert hybrid._merge(cut, (2, 3, 3))[0] == by_hand(cut, [2, 3, 3])


def test_shares_of_each_source(queries: Queries, corpus: Corpus, context: MiningContext) -> None:
    """2 random, the best 3 of BM25 that these leave, the best 3 of the model that all leave."""
    found = hybrid.mine(queries, corpus, options=hybrid.Options(), seed=3, context=context)
    drawn = random.mine(queries, corpus, options=random.Options(count=2), seed=3, context=context)
    lexical = bm25.mine(queries, corpus, options=bm25.Options(count=8), seed=3, context=context)
    dense = embedding.mine(queries, corpus, options=embedding.Options(count=8), seed=3, context=context)
    for ids, first, second, third in zip(found.ids, drawn.ids, lexical.ids, dense.ids, strict=True):
        close = [i for i in second if i not in first][:3]
        near = [i for i in third if i not in first and i not in close][:3]
        assert (*near, *close, *first) == ids


def test_margins_that_leave_nothing_are_made_up_for_at_random(
    queries: Queries, corpus: Corpus, context: MiningContext
) -> None:
    """Where no document passes, eight random ones stand, and six of them are counted as filling up."""
    options = hybrid.Options(margin_absolute=1e6)
    found = hybrid.mine(queries, corpus, options=options, seed=3, context=context)
    drawn = random.mine(queries, corpus, options=random.Options(), seed=3, context=context)
    assert [set(ids) for ids in drawn.ids] == [set(ids) for ids in found.ids]
    assert found.filled == (6,) * 30


def test_no_share_of_the_model_needs_no_model(queries: Queries, corpus: Corpus) -> None:
    """With embedding = 0 nothing is encoded."""
    options = hybrid.Options(count=5, embedding=0)
    found = hybrid.mine(queries, corpus, options=options, seed=0, context=MiningContext())
    assert {len(ids) for ids in found.ids} == {5}
    assert options.model_name() is None


def test_shares_that_dont_add_up_are_refused() -> None:
    """The message says which numbers have to agree."""
    with pytest.raises(SpecError, match="count is 5 but random 2 \\+ bm25 3 \\+ embedding 3 are 8"):
        plugins.use("miners", "hybrid", {"count": 5})
