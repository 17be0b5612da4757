"""BM25 negatives: lexically close, clinically different syndromes.

bm25s weighs the terms of every document once; all queries are then scored by matrix products. The few
hundred terms that most documents share go through a dense product, the tens of thousands of rare ones
through a sparse one: neither alone is fast, since a character of a record stands in hundreds of documents
and a bigram in few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from tcmbench.miners import Context, Corpus, Negatives, Queries, RankedOptions
from tcmbench.miners._select import Candidates, Selection, canonical, mined, select
from tcmbench.text.ngrams import char_bigrams, term_counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

# Share of documents from which a term counts as common. Measured at 43,180 x 1,027: anything from 0.02 to 0.1
# takes the same time within a tenth.
_COMMON = 0.05


class Options(RankedOptions):
    """How strongly terms count; the defaults are those of Lucene and of tcmbench's BM25 baseline."""

    k1: float = Field(default=1.5, ge=0)
    """How slowly repeated terms saturate."""

    b: float = Field(default=0.75, ge=0, le=1)
    """How strongly long documents are discounted."""


def mine(queries: Queries, corpus: Corpus, *, options: Options, seed: int, context: Context) -> Negatives:
    """Return the documents that BM25 over characters and bigrams ranks highest; the seed decides nothing.

    Raises:
        DataError: The corpus has fewer allowed documents than are asked for.
    """
    return mined(corpus, candidates(queries, corpus, options=options), count=options.count)


def candidates(queries: Queries, corpus: Corpus, *, options: Options) -> Candidates:
    """Return the best `options.count` documents per query."""
    import numpy as np

    index = _index(corpus, options)
    order = canonical(queries.ids)
    back = np.argsort(order)
    arranged = Queries(
        tuple(queries.ids[i] for i in order),
        tuple(queries.texts[i] for i in order),
        tuple(queries.positives[i] for i in order),
    )

    def scores(rows: slice) -> NDArray[np.float32]:
        return index.scores(term_counts(arranged.texts[rows], vocabulary=index.vocabulary))

    found = select(arranged, corpus, scores, Selection.of(options))
    return Candidates(found.positions[back], found.accepted[back])


class _Index(NamedTuple):
    """Term weights of all documents, common terms apart."""

    vocabulary: Mapping[str, int]
    common: NDArray[np.int64]
    rare: NDArray[np.int64]
    common_weights: NDArray[np.float32]
    rare_weights: csr_matrix

    def scores(self, counts: csr_matrix) -> NDArray[np.float32]:
        """Return BM25 scores [queries, documents]; a term counts as often as the query repeats it."""
        columns = counts.tocsc()
        dense: NDArray[np.float32] = columns[:, self.common].toarray() @ self.common_weights
        dense += (columns[:, self.rare].tocsr() @ self.rare_weights).toarray()
        return dense


def _index(corpus: Corpus, options: Options) -> _Index:
    import bm25s
    import numpy as np
    from scipy.sparse import csr_matrix

    terms = [char_bigrams(text) for text in corpus.texts]
    model = bm25s.BM25(method="lucene", k1=options.k1, b=options.b)
    model.index(terms, show_progress=False, create_empty_token=False)
    vocabulary: dict[str, int] = model.vocab_dict
    stored = model.scores
    # bm25s keeps [documents, terms] by column, which read by row is [terms, documents].
    weights = csr_matrix(
        (stored["data"], stored["indices"], stored["indptr"]), shape=(len(vocabulary), len(corpus.ids))
    )
    is_common = np.diff(weights.indptr) > _COMMON * len(corpus.ids)
    common, rare = np.flatnonzero(is_common), np.flatnonzero(~is_common)
    return _Index(vocabulary, common, rare, weights[common].toarray(), weights[rare])
