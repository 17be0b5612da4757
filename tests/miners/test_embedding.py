"""Embedding negatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.errors import DataError, SpecError
from tcmbench.miners import Corpus, MiningContext, Queries, embedding
from tests.miners.conftest import CharacterModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def test_every_distinct_text_is_encoded_once(queries: Queries, corpus: Corpus, model: CharacterModel) -> None:
    """One call for the documents and one for the queries, whatever repeats among them."""
    twice = Queries(tuple(f"{i}{half}" for half in "ab" for i in queries.ids), queries.texts * 2, queries.positives * 2)
    context = MiningContext(embedder=lambda _: model)
    embedding.mine(twice, corpus, options=embedding.Options(), seed=0, context=context)
    assert model.calls == [("document", 40), ("query", len(set(queries.texts)))]


def test_nearest_by_inner_product(
    queries: Queries, corpus: Corpus, context: MiningContext, model: CharacterModel
) -> None:
    """The negatives are the allowed documents of the largest inner products."""
    found = embedding.mine(queries, corpus, options=embedding.Options(count=1), seed=0, context=context)
    scores = model.embed(queries.texts, kind="query") @ model.embed(corpus.texts, kind="document").T
    for number, positives in enumerate(queries.positives):
        banned = {other for p in positives for other in corpus.merged.get(p, ())} | positives
        for copies in ({"d10", "d11"}, {"d21", "d22"}):
            banned |= copies if banned & copies else set()
        best = max(s for doc_id, s in zip(corpus.ids, scores[number], strict=True) if doc_id not in banned)
        assert scores[number][corpus.ids.index(found.ids[number][0])] == pytest.approx(best)


def test_model_of_the_options_is_asked(queries: Queries, corpus: Corpus, model: CharacterModel) -> None:
    """The name in the options reaches the context."""
    asked: list[str] = []

    def embedder(name: str) -> CharacterModel:
        asked.append(name)
        return model

    options = embedding.Options(model="http://localhost:8000/v1")
    embedding.mine(queries, corpus, options=options, seed=0, context=MiningContext(embedder=embedder))
    assert asked == ["http://localhost:8000/v1"]


def test_no_model_is_refused(queries: Queries, corpus: Corpus) -> None:
    """Without a model the message says how to name one."""
    with pytest.raises(SpecError, match="Name one in the miner's options"):
        embedding.mine(queries, corpus, options=embedding.Options(), seed=0, context=MiningContext())


def test_vectors_that_are_not_numbers_are_refused(queries: Queries, corpus: Corpus) -> None:
    """NaN would rank at random."""

    class Broken:
        revision = "broken"

        def embed(self, texts: tuple[str, ...], *, kind: str) -> np.ndarray:
            return np.full((len(texts), 2), np.nan, dtype=np.float32)

    with pytest.raises(DataError, match="broken: expected 40 vectors of finite numbers"):
        embedding.mine(
            queries, corpus, options=embedding.Options(), seed=0, context=MiningContext(embedder=lambda _: Broken())
        )


@pytest.mark.parametrize("options", [{}, {"skip_top": 2, "margin_relative": 0.9}, {"margin_absolute": 1e6}])
def test_a_large_corpus_gives_the_same_negatives(
    queries: Queries, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, options: dict[str, float]
) -> None:
    """In the order of the queries, whether FAISS finds them or all scores are ranked; whole numbers round alike."""

    class Counts(CharacterModel):
        def embed(self, texts: Sequence[str], *, kind: str) -> NDArray[np.float32]:
            return np.round(super().embed(texts, kind=kind) * 8)

    context = MiningContext(embedder=lambda _: Counts())
    chosen = embedding.Options.model_validate(options)
    turned = queries.take(range(29, -1, -1))
    dense = embedding.mine(turned, corpus, options=chosen, seed=0, context=context)
    monkeypatch.setattr(embedding, "_LARGE", 1)
    assert embedding.mine(turned, corpus, options=chosen, seed=0, context=context) == dense
