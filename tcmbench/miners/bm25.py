"""BM25 negatives: lexically close, clinically different syndromes.

bm25s computes the term weights of every document once; all queries are then scored by matrix products: a dense one for
the few hundred terms that most documents share, and a sparse one for the tens of thousands of rare terms. Neither alone
is fast, since a character of a record occurs in hundreds of documents and a bigram in few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from tcmbench.miners import Corpus, MiningContext, Negatives, Queries, RankedOptions
from tcmbench.miners.selection import Candidates, Selection, negatives, select
from tcmbench.text.ngrams import Terms, shared_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

REVISION = "1"

# Share of documents above which a term is common and part of the dense product.
_COMMON = 0.05


class Options(RankedOptions):
    """Parameters of BM25; the defaults are those of bm25s and of the encoder `bm25`."""

    k1: float = Field(default=1.5, ge=0)
    """How slowly repeated terms saturate."""

    b: float = Field(default=0.75, ge=0, le=1)
    """How strongly long documents are discounted."""


def mine(queries: Queries, corpus: Corpus, *, options: Options, seed: int, context: MiningContext) -> Negatives:
    """Return the documents that BM25 over characters and bigrams ranks highest; the seed is not used.

    Raises:
        DataError: The corpus has fewer allowed documents than `count`.
    """
    return negatives(corpus, candidates(queries, corpus, options=options), count=options.count)


def candidates(queries: Queries, corpus: Corpus, *, options: Options) -> Candidates:
    """Return the best `options.count` documents per query."""
    index = _index(corpus, options)
    return select(queries, corpus, lambda block: index.scores(block.texts), Selection.of(options))


class _TermIndex(NamedTuple):
    """Term weights of all documents, common terms first."""

    terms: Terms
    common: NDArray[np.float32]
    """Weights [common terms, documents]."""

    rare: csr_matrix
    """Weights [other terms, documents]."""

    def scores(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return BM25 scores [texts, documents]; a term counts as often as the text repeats it."""
        import numpy as np
        from scipy.sparse import csr_matrix

        total, width = len(texts), len(self.common)
        terms = self.terms.occurrences(texts)
        is_common = terms.term < width
        cells = terms.text[is_common].astype(np.int64) * width + terms.term[is_common]
        counts = np.bincount(cells, minlength=total * width).astype(np.float32).reshape(total, width)
        scores: NDArray[np.float32] = counts @ self.common
        rare = terms.term[~is_common] - width
        starts = np.searchsorted(terms.text[~is_common], np.arange(total + 1))
        # Repeated terms are not merged: the product adds them up, and sorting them first would take longer.
        ones = np.ones(len(rare), dtype=np.float32)
        scores += (csr_matrix((ones, rare, starts), shape=(total, self.rare.shape[0])) @ self.rare).toarray()
        return scores


def _index(corpus: Corpus, options: Options) -> _TermIndex:
    import bm25s
    import numpy as np
    from scipy.sparse import csr_matrix

    terms = shared_terms(corpus.texts)
    if not any(terms):
        # bm25s divides by the mean length, which is zero here.
        nothing = np.zeros((0, len(corpus.ids)), dtype=np.float32)
        return _TermIndex(Terms({}), nothing, csr_matrix(nothing))
    model = bm25s.BM25(method="lucene", k1=options.k1, b=options.b)
    model.index(terms, show_progress=False, create_empty_token=False)
    stored = model.scores
    # bm25s keeps [documents, terms] by column, which read by row is [terms, documents].
    weights = csr_matrix(
        (stored["data"], stored["indices"], stored["indptr"]), shape=(len(model.vocab_dict), len(corpus.ids))
    )
    frequency = np.diff(weights.indptr)
    # bm25s numbers terms in the order of a set, which differs between processes and would change the rounding of sums.
    named = np.array([column for _, column in sorted(model.vocab_dict.items())])
    order = named[np.argsort(-frequency[named], kind="stable")]
    width = int((frequency > _COMMON * len(corpus.ids)).sum())
    number = np.argsort(order).tolist()
    vocabulary = {term: number[column] for term, column in model.vocab_dict.items()}
    return _TermIndex(Terms(vocabulary), weights[order[:width]].toarray(), weights[order[width:]])
