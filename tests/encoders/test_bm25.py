"""BM25's index."""

from __future__ import annotations

import pytest

from tcmbench.encoders.bm25 import build_index, tokenizer
from tcmbench.errors import DataError


@pytest.mark.parametrize("texts", [[], ["？？？", "，"]])
def test_documents_without_terms_are_refused(texts: list[str]) -> None:
    """Nothing could be found in them, and bm25s would stop with an error of its own."""
    tokenize = tokenizer("words")
    with pytest.raises(DataError, match="expected a letter, digit or Chinese character in some document"):
        build_index([tokenize(text) for text in texts])
