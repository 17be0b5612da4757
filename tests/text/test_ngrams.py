"""Characters and bigrams: the plain definition, and the fast way to the same numbers."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcmbench.text.ngrams import Terms, char_bigrams, normalise, shared_terms

TEXTS = st.text(alphabet="气血虚实寒热，。；： \nAZaz09Ａ９ｚ𠀀㐀é", max_size=30)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("气血虚", ["气", "血", "虚", "气血", "血虚"]),
        ("气，血", ["气", "血"]),
        ("CT检查2次", ["ct", "检", "查", "检查", "2", "次"]),
        ("ＣＴ３", ["ct3"]),
        ("。 \n", []),
        ("", []),
    ],
)
def test_terms_are_characters_bigrams_and_words(text: str, terms: list[str]) -> None:
    """Chinese runs give characters, then bigrams; Latin words and numbers stay whole, in lower case."""
    assert char_bigrams(text) == terms


@settings(max_examples=30)
@given(texts=st.lists(TEXTS, max_size=6), others=st.lists(TEXTS, max_size=6))
def test_occurrences_are_those_of_char_bigrams(texts: list[str], others: list[str]) -> None:
    """Finding terms in many texts at once gives what char_bigrams gives for each, over the vocabulary."""
    known = sorted({term for text in others for term in char_bigrams(text)})
    found = Terms({term: number for number, term in enumerate(known)}).occurrences(texts)
    expected = [Counter(term for term in char_bigrams(text) if term in known) if known else Counter() for text in texts]
    actual = [Counter[str]() for _ in texts]
    for text, term in zip(found.text.tolist(), found.term.tolist(), strict=True):
        actual[text][known[term]] += 1
    assert expected == actual
    assert sorted(found.text.tolist()) == found.text.tolist()


def test_terms_dont_reach_across_texts_or_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the next text nor the next block continues a run."""
    monkeypatch.setattr("tcmbench.text.ngrams._BLOCK_CHARACTERS", 3)
    vocabulary = {"气血": 0, "ab": 1, "气": 2}
    found = Terms(vocabulary).occurrences(["气", "血a", "b气", "气血"])
    assert list(zip(found.text.tolist(), found.term.tolist(), strict=True)) == [(0, 2), (2, 2), (3, 2), (3, 0)]


def test_normalise_makes_copies_equal() -> None:
    """Width, case and white space don't make two texts differ."""
    assert normalise("Ａ　型\n 证 ") == normalise("a 型 证")


def test_occurrences_of_a_term_are_one_object() -> None:
    """Equal to the terms of each text by itself."""
    texts = ["气虚血瘀", "血瘀 BM25", ""]
    terms = shared_terms(texts)
    assert terms == [char_bigrams(text) for text in texts]
    assert terms[0][terms[0].index("血瘀")] is terms[1][terms[1].index("血瘀")]
    assert shared_terms(["a b a"], str.split) == [["a", "b", "a"]]
