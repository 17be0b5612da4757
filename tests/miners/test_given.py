"""Negatives of the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tcmbench import plugins
from tcmbench.errors import SpecError
from tcmbench.miners import Corpus, MiningContext, Queries, bm25, embedding, given, random
from tcmbench.miners.selection import Selection, negatives, select


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


def with_given(queries: Queries, corpus: Corpus, *, most: int) -> Queries:
    """Return the queries with up to so many negatives of the data each, some of which are copies of positives."""
    rng = np.random.default_rng(8)
    drawn = (rng.permutation(len(corpus.ids))[: rng.integers(most + 1)].tolist() for _ in queries.ids)
    chosen = zip(queries.positives, drawn, strict=True)
    return replace(
        queries,
        negatives=tuple(tuple(corpus.ids[n] for n in some if corpus.ids[n] not in right) for right, some in chosen),
    )


def test_random_ones_are_those_of_earlier_versions(queries: Queries, corpus: Corpus, context: MiningContext) -> None:
    """Which ranked what the data gives above every draw."""
    asked = with_given(queries, corpus, most=9)
    at = {doc_id: position for position, doc_id in enumerate(corpus.ids)}

    def scores(block: Queries) -> np.ndarray:
        drawn = random.keys(block.ids, corpus.ids, seed=2)
        for row, ids in enumerate(block.negatives):
            drawn[row, [at[doc_id] for doc_id in ids]] = [float((1 << 26) - 4 * rank) for rank in range(len(ids))]
        return drawn

    expected = negatives(corpus, select(asked, corpus, scores, Selection(5, True)), count=5)
    mined = given.mine(asked, corpus, options=given.Options(count=5), seed=2, context=context)
    assert mined.ids == expected.ids
    outside = [sum(i not in own for i in ids) for ids, own in zip(mined.ids, asked.negatives, strict=True)]
    assert list(mined.filled) == outside


@pytest.mark.parametrize(
    "ranked", [{}, {"skip_top": 3}, {"margin_absolute": 0.1}, {"skip_top": 2, "margin_relative": 0.5}]
)
@pytest.mark.parametrize("name", ["bm25", "embedding"])
def test_the_rest_is_what_the_other_miner_ranks_next(
    queries: Queries, corpus: Corpus, context: MiningContext, name: str, ranked: dict[str, float]
) -> None:
    """With its skips and margins, which leave out nothing that the data gives."""
    asked = with_given(queries, corpus, most=6)
    miner = {"bm25": bm25, "embedding": embedding}[name]
    options = given.Options.model_validate({"count": 4, "top_up": name, **ranked})
    mined = given.mine(asked, corpus, options=options, seed=0, context=context)
    best = miner.mine(
        queries, corpus, options=miner.Options.model_validate({"count": 4, **ranked}), seed=0, context=context
    )
    of_data = given.mine(asked, corpus, options=given.Options(count=4), seed=0, context=context)
    for ids, others, first, filled in zip(mined.ids, best.ids, of_data.ids, mined.filled, strict=True):
        own = first[: 4 - filled]
        assert ids == (*own, *[i for i in others if i not in own][:filled])
    assert mined.filled == of_data.filled
    assert set(mined.filled) > {0, 4}


def test_the_miner_that_fills_up_is_in_the_key() -> None:
    """Recipes that name none keep theirs, with the revision of `random` alone."""
    old = plugins.use("miners", "given", {"count": 3}).identity()
    assert old == {
        "name": "given",
        "revision": "1",
        "uses": {"miners/random": random.REVISION},
        "options": {"count": 3},
    }
    new = plugins.use("miners", "given", {"top_up": "bm25", "skip_top": 2}).identity()
    assert new["uses"] == {"miners/bm25": bm25.REVISION}
    assert given.Options(top_up="bm25").model_name() is None
    assert given.Options(top_up="embedding", model="e5").model_name() == "e5"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"skip_top": 1}, 'skip_top has no effect with top_up = "random"'),
        ({"top_up": "bm25", "model": "e5"}, 'model has no effect with top_up = "bm25"'),
        ({"top_up": "hybrid"}, "top_up: Input should be 'random', 'bm25' or 'embedding'"),
    ],
)
def test_options_without_effect_are_refused(options: dict[str, object], message: str) -> None:
    """As a recipe that names them expects one."""
    with pytest.raises(SpecError, match=message):
        plugins.use("miners", "given", options)
