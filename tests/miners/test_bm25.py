"""BM25 negatives, against bm25s itself."""

from __future__ import annotations

import bm25s
import numpy as np
import pytest

from tcmbench.miners import Corpus, MiningContext, Queries, bm25
from tcmbench.text.ngrams import char_bigrams


def test_scores_are_those_of_bm25s(queries: Queries, corpus: Corpus) -> None:
    """The matrix products give bm25s's scores, common and rare terms alike, repeated ones counted again."""
    rival = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    rival.index([char_bigrams(text) for text in corpus.texts], show_progress=False)
    texts = [text + text[:2] for text in queries.texts]
    expected = [rival.get_scores(char_bigrams(text)) for text in texts]
    actual = bm25._index(corpus, bm25.Options()).scores(texts)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_hardest_first(queries: Queries, corpus: Corpus, context: MiningContext) -> None:
    """Negatives come in the order of their scores, up to what a machine's matrix product rounds."""
    found = bm25.mine(queries, corpus, options=bm25.Options(count=5), seed=0, context=context)
    scores = bm25._index(corpus, bm25.Options()).scores(queries.texts)
    at = {doc_id: position for position, doc_id in enumerate(corpus.ids)}
    for row, ids in zip(scores, found.ids, strict=True):
        ranked = [row[at[doc_id]] for doc_id in ids]
        assert ranked == pytest.approx(sorted(ranked, reverse=True), rel=1e-5)


def test_empty_texts_are_no_reason_to_fail(context: MiningContext) -> None:
    """A query or corpus without a single term still gives negatives."""
    corpus = Corpus(("a", "b", "c"), ("。", "", "！"))
    queries = Queries(("q",), ("",), (frozenset({"a"}),))
    found = bm25.mine(queries, corpus, options=bm25.Options(count=2), seed=0, context=context)
    assert found.ids == (("b", "c"),)
