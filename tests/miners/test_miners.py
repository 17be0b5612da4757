"""What holds for every miner there is."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tcmbench import plugins
from tcmbench.errors import DataError, SpecError
from tcmbench.miners import Corpus, MiningContext, Negatives, Queries
from tcmbench.text.ngrams import normalise

MINERS = ["given", "random", "bm25", "embedding", "hybrid"]


def mine(
    name: str, queries: Queries, corpus: Corpus, context: MiningContext, *, seed: int = 0, **given_options: object
) -> Negatives:
    """Return what a miner finds under these options."""
    miner = plugins.use("miners", name, given_options)
    negatives: Negatives = miner.module.mine(queries, corpus, options=miner.options, seed=seed, context=context)
    return negatives


@pytest.mark.parametrize("name", MINERS)
def test_same_number_for_each_query_and_none_twice(
    name: str, queries: Queries, corpus: Corpus, context: MiningContext
) -> None:
    """Every query gets exactly count different documents; of those that the data gives there are none here."""
    found = mine(name, queries, corpus, context)
    assert [len(set(ids)) for ids in found.ids] == [8] * 30
    assert found.filled == (8 if name == "given" else 0,) * 30


@pytest.mark.parametrize("name", MINERS)
def test_never_a_positive_a_copy_or_a_merged_label(
    name: str, queries: Queries, corpus: Corpus, context: MiningContext
) -> None:
    """Negatives never are right: neither themselves, nor by the label map, nor by the text of such a document."""
    found = mine(name, queries, corpus, context)
    text = dict(zip(corpus.ids, map(normalise, corpus.texts), strict=True))
    for ids, positives in zip(found.ids, queries.positives, strict=True):
        right = {other for p in positives for other in corpus.merged.get(p, ())} | positives
        assert right.isdisjoint(ids)
        assert {text[p] for p in right}.isdisjoint(text[i] for i in ids)


@pytest.mark.parametrize("name", MINERS)
def test_merged_labels_are_allowed_where_asked(
    name: str, queries: Queries, corpus: Corpus, context: MiningContext
) -> None:
    """exclude_merged_labels = false lets the other label of a merged pair in, and still no positive."""
    shares = {"random": 39, "bm25": 0, "embedding": 0} if name == "hybrid" else {}
    only = Queries(queries.ids[20:21], queries.texts[20:21], queries.positives[20:21])
    found = mine(name, only, corpus, context, exclude_merged_labels=False, count=39, **shares)
    assert "d21" in found.ids[0]
    assert "d20" not in found.ids[0]


@pytest.mark.parametrize("name", MINERS)
def test_same_seed_same_negatives_in_any_order_of_queries(
    name: str, queries: Queries, corpus: Corpus, context: MiningContext
) -> None:
    """The negatives of a query don't depend on its position."""
    found = dict(zip(queries.ids, mine(name, queries, corpus, context, seed=5).ids, strict=True))
    turned = Queries(queries.ids[::-1], queries.texts[::-1], queries.positives[::-1])
    again = dict(zip(turned.ids, mine(name, turned, corpus, context, seed=5).ids, strict=True))
    assert found == again


@pytest.mark.parametrize("name", MINERS)
def test_count_zero_is_refused_with_advice(name: str, queries: Queries, corpus: Corpus, context: MiningContext) -> None:
    """A miner that is to give nothing is a mistake; the message names the miner none."""
    with pytest.raises(SpecError, match='miner = "none"'):
        mine(name, queries, corpus, context, count=0)


@pytest.mark.parametrize("name", ["random", "bm25", "embedding"])
def test_too_small_a_corpus_is_refused(name: str, queries: Queries, corpus: Corpus, context: MiningContext) -> None:
    """Asking for more than there is names the query and what to do."""
    with pytest.raises(DataError, match=r"q0: expected 39 negatives.*Lower the miner's count"):
        mine(name, queries, corpus, context, count=39)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data(), name=st.sampled_from(MINERS))
def test_no_options_let_a_positive_in(data: st.DataObject, name: str, context: MiningContext) -> None:
    """Whatever corpus, positives, margins and skips: equal counts, no repeats, no positive."""
    size = data.draw(st.integers(12, 16))
    texts = data.draw(st.lists(st.text("热寒虚实痰湿", max_size=5), min_size=size, max_size=size))
    corpus = Corpus(tuple(f"d{i}" for i in range(size)), tuple(texts))
    positives = data.draw(
        st.lists(st.frozensets(st.sampled_from(corpus.ids), min_size=1, max_size=2), min_size=1, max_size=5)
    )
    asked = data.draw(st.lists(st.text("热寒虚实", max_size=5), min_size=len(positives), max_size=len(positives)))
    queries = Queries(tuple(f"q{i}" for i in range(len(asked))), tuple(asked), tuple(positives))
    options: dict[str, object] = {}
    if name not in {"given", "random"}:
        options["skip_top"] = data.draw(st.integers(0, 3))
        options["margin_absolute"] = data.draw(st.none() | st.floats(-1, 1))
        options["margin_relative"] = data.draw(st.none() | st.floats(0.1, 1))
    if name == "hybrid":
        options |= {"random": 1, "bm25": 1, "embedding": 1}
    try:
        found = mine(name, queries, corpus, context, count=3, **options)
    except DataError:
        same = {i: [j for j, t in zip(corpus.ids, texts, strict=True) if t == texts[int(i[1:])]] for i in corpus.ids}
        assert any(size - len({c for p in ps for c in same[p]}) < 3 for ps in positives)
        return
    assert [len(set(ids)) for ids in found.ids] == [3] * len(positives)
    assert all(p.isdisjoint(ids) for p, ids in zip(positives, found.ids, strict=True))


def test_none_gives_nothing(queries: Queries, corpus: Corpus, context: MiningContext) -> None:
    """The miner none leaves in-batch negatives alone to do the work."""
    assert mine("none", queries, corpus, context) == Negatives(((),) * 30, (0,) * 30)
