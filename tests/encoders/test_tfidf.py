"""TF-IDF vectors are scikit-learn's, and the same on every processor."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from tcmbench.encoders.tfidf import Options, TfidfEncoder
from tcmbench.errors import DataError
from tcmbench.text.ngrams import char_bigrams

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXTS = [
    f"{first}{second}，{second}{first}{first}；{third}"
    for first in "寒热虚实"
    for second in "表里阴阳气血"
    for third in ("脉弦", "脉细数", "苔白 a1")
]


def encode(texts: list[str], *, max_features: int = 8192) -> NDArray[np.float32]:
    """Return the vectors of texts as those of one task."""
    meta: Any = None
    encoder = TfidfEncoder(options=Options(max_features=max_features), meta=meta)
    task = SimpleNamespace(name="Task", type="Clustering")
    return encoder.encode([{"text": texts}], task_metadata=task, hf_split="test", hf_subset="default")


def search(queries: list[str], documents: list[str]) -> dict[str, dict[str, float]]:
    """Return the scores of all documents for every query."""
    meta: Any = None
    encoder = TfidfEncoder(options=Options(), meta=meta)
    encoder.index([{"id": f"d{place}", "title": "", "text": text} for place, text in enumerate(documents)])
    rows = [{"id": f"q{place}", "text": text} for place, text in enumerate(queries)]
    return encoder.search(rows, top_k=len(documents))


def test_a_search_is_fitted_on_the_documents() -> None:
    """The score of a query doesn't depend on what else is asked."""
    documents, queries = TEXTS[:40], TEXTS[40:]
    vectorizer = TfidfVectorizer(analyzer=char_bigrams, sublinear_tf=True).fit(documents)
    expected = (vectorizer.transform(queries) @ vectorizer.transform(documents).T).toarray()
    scores_of = search(queries, documents)
    for place, theirs in enumerate(expected):
        ours = [scores_of[f"q{place}"][f"d{document}"] for document in range(len(documents))]
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert search(queries[:1], documents)["q0"] == scores_of["q0"]


def test_candidates_have_the_scores_of_the_whole_search() -> None:
    """Reranking is a part of the search: the best of the candidates, and none for a query that has none."""
    meta: Any = None
    encoder = TfidfEncoder(options=Options(), meta=meta)
    encoder.index([{"id": f"d{place}", "title": "证", "text": text} for place, text in enumerate(TEXTS)])
    rows = [{"id": "q", "text": TEXTS[5]}, {"id": "other", "text": TEXTS[6]}]
    whole = encoder.search(rows, top_k=len(TEXTS))["q"]
    some = encoder.search(rows, top_k=2, top_ranked={"q": ["d7", "d5", "d1"]})
    best = sorted(("d7", "d5", "d1"), key=lambda name: -whole[name])[:2]
    assert list(some["q"].items()) == [(name, whole[name]) for name in best]
    assert some["other"] == {}


def test_documents_without_a_term_are_refused() -> None:
    """By name, and not with an error of the library."""
    with pytest.raises(DataError, match="TF-IDF: expected a letter"):
        search(["气虚"], ["？？", "……"])


def test_weights_are_those_of_scikit_learn() -> None:
    """Where all terms are kept, the vectors are those of its vectorizer."""
    theirs = TfidfVectorizer(analyzer=char_bigrams, sublinear_tf=True).fit_transform(TEXTS)
    ours = encode(TEXTS)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs.toarray(), atol=1e-7)


def test_the_most_frequent_terms_are_kept() -> None:
    """What is rarer than the limit allows has no part in a vector."""
    np.testing.assert_array_equal(encode(["甲甲", "甲", "乙"], max_features=1), [[1.0], [1.0], [0.0]])


def test_equally_frequent_terms_are_kept_in_their_order() -> None:
    """Which of a thousand equals are kept is no matter of how a processor sorts."""
    characters = [chr(0x4E00 + place) for place in range(1000)]
    vectors = encode(list(reversed(characters)), max_features=300)
    np.testing.assert_array_equal(vectors[::-1], np.eye(1000, 300, dtype=np.float32))


def test_vectors_are_the_same_on_every_processor() -> None:
    """All bits, under a limit that falls between equals: CI runs this on other processors than developers do."""
    vectors = encode(TEXTS, max_features=40)
    assert vectors.shape == (72, 40)
    assert hashlib.sha256(vectors.astype("<f4").tobytes()).hexdigest()[:16] == "8e04876044cec9f5"
