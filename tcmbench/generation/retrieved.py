"""Whether retrievers of two kinds find the documents of generated queries: BM25 by words, a base by vectors.

A query that only one of them understands is kept out: its document may be the wrong answer, or one of many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

_BLOCK_CELLS = 1 << 24


def by_terms(
    queries: Sequence[str], targets: Sequence[Sequence[int]], corpus: Sequence[str], *, top_k: int
) -> list[bool]:
    """Return for each query whether BM25 over characters and bigrams ranks a target among the first `top_k`.

    Args:
        queries: The queries.
        targets: Per query the positions of its documents in the corpus.
        corpus: Texts of the documents.
        top_k: Ranks that count; documents of equal score share a rank, and a score of 0 is never found.

    Raises:
        DataError: No document has a term.
    """
    from tcmbench.encoders.bm25 import build_index, term_scores
    from tcmbench.text.ngrams import char_bigrams, shared_terms

    index = build_index(shared_terms(corpus))
    is_found: list[bool] = []
    for query, its in zip(queries, targets, strict=True):
        scores = term_scores(index, char_bigrams(query), documents=len(corpus))
        best = scores[list(its)].max()
        is_found.append(bool(best > 0 and (scores > best).sum() < top_k))
    return is_found


def by_vectors(
    queries: NDArray[np.float32], targets: Sequence[Sequence[int]], corpus: NDArray[np.float32], *, top_k: int
) -> list[bool]:
    """Return for each query whether the cosine ranks a target among the first `top_k`.

    Args:
        queries: Unit vectors [queries, dimensions].
        targets: Per query the positions of its documents in the corpus.
        corpus: Unit vectors [documents, dimensions].
        top_k: Ranks that count; documents of equal similarity share a rank.
    """
    is_found: list[bool] = []
    size = max(1, _BLOCK_CELLS // max(1, len(corpus)))
    for start in range(0, len(queries), size):
        similarities = queries[start : start + size] @ corpus.T
        for scores, its in zip(similarities, targets[start : start + size], strict=True):
            is_found.append(bool((scores > scores[list(its)].max()).sum() < top_k))
    return is_found
