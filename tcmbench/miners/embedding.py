"""Embedding negatives: the nearest documents by the vectors of a model, the variant's base or any other.

All distinct texts are encoded in one call, and all pairs are scored by blocked matrix products; in a large corpus FAISS
finds the nearest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import DataError
from tcmbench.miners import Corpus, MiningContext, Negatives, Queries, RankedOptions
from tcmbench.miners.selection import Candidates, Selection, negatives, select, select_nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.miners import Embedder, TextKind

REVISION = "2"

_LARGE = 200_000
"""Documents from which FAISS is used; below, the scores of a block of queries are few enough to rank them all."""


class Options(RankedOptions):
    """The model, and the options of ranked miners."""

    model: str = ""
    """Any base that returns vectors, also one behind a server (encoder `endpoint`); "" is the variant's own base."""

    def model_name(self) -> str | None:
        """Return the model."""
        return self.model


def mine(queries: Queries, corpus: Corpus, *, options: Options, seed: int, context: MiningContext) -> Negatives:
    """Return the documents whose vectors are nearest by inner product; the seed is not used.

    Raises:
        SpecError: The context has no models.
        DataError: The model returns no usable vectors, or the corpus has fewer allowed documents than `count`.
    """
    nearest = candidates(queries, corpus, options=options, context=context)
    return negatives(corpus, nearest, count=options.count)


def candidates(queries: Queries, corpus: Corpus, *, options: Options, context: MiningContext) -> Candidates:
    """Return the best `options.count` documents per query."""
    model = context.model(options.model)
    documents = _vectors(model, corpus.texts, kind="document")
    arranged = queries.by_id()
    vectors = _vectors(model, arranged.texts, kind="query")
    row_of = {query_id: row for row, query_id in enumerate(arranged.ids)}

    def scores(block: Queries) -> NDArray[np.float32]:
        products: NDArray[np.float32] = vectors[[row_of[query_id] for query_id in block.ids]] @ documents.T
        return products

    if len(corpus.ids) < _LARGE:
        return select(queries, corpus, scores, Selection.of(options))
    nearest = select_nearest(arranged, corpus, (vectors, documents), Selection.of(options), scores=scores)
    rows = [row_of[query_id] for query_id in queries.ids]
    return Candidates(nearest.positions[rows], nearest.accepted[rows])


def _vectors(model: Embedder, texts: Sequence[str], *, kind: TextKind) -> NDArray[np.float32]:
    """Return one vector per text; equal texts are encoded once."""
    import numpy as np

    distinct = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    vectors = np.ascontiguousarray(model.embed(tuple(distinct), kind=kind), dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(distinct) or not np.isfinite(vectors).all():
        raise DataError(
            f"model {model.revision}: expected {len(distinct)} vectors of finite numbers for as many {kind} "
            f"texts, got an array of shape {vectors.shape}. Check the model or the endpoint."
        )
    return vectors[[distinct[text] for text in texts]]
