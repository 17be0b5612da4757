"""BM25 over characters and bigrams or over words: a lexical baseline for dense models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tcmbench.encoders import SEARCHES
from tcmbench.errors import DataError
from tcmbench.plugins import PluginOptions
from tcmbench.text.documents import document_text
from tcmbench.text.ngrams import shared_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import bm25s
    from mteb.models import ModelMeta

    from tcmbench.specs.base import Base

REVISION = "1"
ABILITIES = {"baseline": SEARCHES}
WEIGHTS = "built in"


class Options(PluginOptions):
    """Tokenisation, and BM25's two parameters (Robertson and Zaragoza, 2009)."""

    tokens: Literal["char_bigrams", "words"] = "char_bigrams"
    """Characters and character bigrams, or jieba's words."""

    k1: float = 1.5
    """Saturation of term frequency."""

    b: float = 0.75
    """Strength of length normalisation."""


class BM25Search:
    """A search model (mteb's SearchProtocol): scores every document for every query, without vectors."""

    def __init__(self, *, options: Options, meta: ModelMeta) -> None:
        self.mteb_model_meta = meta
        self._options = options
        self._tokenize = tokenizer(options.tokens)
        self._index: bm25s.BM25 | None = None
        self._ids: list[str] = []

    def index(self, corpus: Iterable[dict[str, Any]], **_: object) -> None:
        """Build the index; a document is its title and its text."""
        documents = [(str(row["id"]), document_text(row)) for row in corpus]
        self._ids = [doc_id for doc_id, _ in documents]
        self._index = build_index(
            shared_terms((text for _, text in documents), self._tokenize), k1=self._options.k1, b=self._options.b
        )

    def search(
        self,
        queries: Iterable[dict[str, Any]],
        *,
        top_k: int,
        top_ranked: dict[str, list[str]] | None = None,
        **_: object,
    ) -> dict[str, dict[str, float]]:
        """Return query id → document id → score, for the best `top_k` or for the candidates given."""
        from tcmbench.encoders._lexical import Kept

        if self._index is None:
            raise ValueError("search was called before index")
        kept = Kept(self._ids, top_k=top_k, candidates=top_ranked)
        results: dict[str, dict[str, float]] = {}
        for row in queries:
            scores = term_scores(self._index, self._tokenize(str(row["text"])), documents=len(self._ids))
            results[str(row["id"])] = kept.of(str(row["id"]), scores)
        return results


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> BM25Search:
    """Return the search model; there are no weights to load."""
    return BM25Search(options=options, meta=meta)


def tokenizer(tokens: Literal["char_bigrams", "words"]) -> Callable[[str], list[str]]:
    """Return the function that splits a text into terms."""
    if tokens == "words":
        import logging

        import jieba

        jieba.setLogLevel(logging.WARNING)
        return lambda text: [word for word in jieba.lcut(text) if word.strip() and any(c.isalnum() for c in word)]
    from tcmbench.text.ngrams import char_bigrams

    return char_bigrams


def build_index(documents: list[list[str]], *, k1: float = 1.5, b: float = 0.75) -> bm25s.BM25:
    """Return a BM25 index (Lucene's idf) over tokenised documents.

    Raises:
        DataError: No document has a term, so there is nothing to index.
    """
    import bm25s

    if not any(documents):
        raise DataError(
            f"BM25: expected a letter, digit or Chinese character in some document, got none in {len(documents)}. Are "
            "they the right texts, in the right encoding?"
        )
    index = bm25s.BM25(method="lucene", k1=k1, b=b)
    index.index(documents, show_progress=False)
    return index


def term_scores(index: bm25s.BM25, terms: list[str], *, documents: int) -> Any:
    """Return the score of every document, float32, shape (documents,); all zero when no term is known."""
    import numpy as np

    known = [term for term in terms if term in index.vocab_dict]
    if not known:
        return np.zeros(documents, dtype=np.float32)
    return index.get_scores(known)
