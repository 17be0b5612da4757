"""A reranker behind a server for mteb, whose scores are cached on disk: each pair is paid for once.

Scores are cached in blocks, each after another look at the canaries, so that no score of another model stays.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tcmbench.encoders._cut import QueryDocument
from tcmbench.encoders.runtime.batches import FREE_TOKENS, Batches, Counted
from tcmbench.encoders.runtime.embedding_cache import Space, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tcmbench.encoders.runtime.served import EndpointReranker

_BLOCK = 1024
"""Pairs that are lost at most where the server fails."""


class CachedReranker(Counted):
    """A served reranker in mteb's interface (CrossEncoderProtocol)."""

    unit = "pairs"

    def __init__(self, inner: EndpointReranker, *, cache_dir: Path) -> None:
        """Wrap a reranker.

        Args:
            inner: The reranker.
            cache_dir: Folder of the embedding cache, where a score is a vector of one number.
        """
        self.inner = inner
        self.mteb_model_meta = inner.mteb_model_meta
        self._batches = Batches(FREE_TOKENS)
        meta = inner.mteb_model_meta
        self._space = Space(
            cache_dir,
            model=str(meta.name),
            revision=inner.revision,
            max_length=inner.max_length,
            dtype="float32",
            packages=inner.computed_with,
        )

    def predict(
        self, inputs1: Iterable[dict[str, Any]], inputs2: Iterable[dict[str, Any]], **_: object
    ) -> NDArray[np.float32]:
        """Return one score per pair, in order; a repeated or cached pair is not sent.

        Raises:
            ModelAbsent: The server can't be reached. EvaluationError: It answers with something else.
        """
        queries = [text for batch in inputs1 for text in batch["text"]]
        documents = [text for batch in inputs2 for text in batch["text"]]
        places: dict[QueryDocument, int] = {}
        inverse = [
            places.setdefault(QueryDocument(*pair), len(places)) for pair in zip(queries, documents, strict=True)
        ]
        pairs = list(places)
        digests = [digest(json.dumps(pair, ensure_ascii=False)) for pair in pairs]
        self._space.refresh()
        present, cached = self._space.get(digests)
        scores = np.empty(len(pairs), dtype=np.float32)
        scores[present] = cached[:, 0] if cached.size else []
        missing = np.flatnonzero(~present).tolist()
        if missing and self.inner.watch is not None:
            self.inner.watch.begin()
        self._batches.begin(np.array([_length(pairs[place]) for place in missing], dtype=np.int64))
        for block in _blocks(pairs, missing):
            computed = self.inner.score_pairs([pairs[place] for place in block])
            scores[block] = computed
            self._batches.record(np.array([_length(pairs[place]) for place in block], dtype=np.int64))
            self._keep([digests[place] for place in block], computed)
        return scores[inverse]

    def confirm(self) -> None:
        """Check that the model behind the server is still the one whose scores these are.

        Raises:
            EvaluationError: Its canaries have changed.
        """
        if self.inner.watch is not None:
            self.inner.watch.confirm()

    def _keep(self, digests: list[bytes], scores: NDArray[np.float32]) -> None:
        if self.inner.watch is not None:
            self.inner.watch.begin()
            self.inner.watch.confirm()
        sound = np.flatnonzero(np.isfinite(scores))
        self._space.add([digests[place] for place in sound], scores[sound, None])


def _length(pair: QueryDocument) -> int:
    return len(pair.query) + len(pair.document)


def _blocks(pairs: Sequence[QueryDocument], places: Sequence[int]) -> Iterator[list[int]]:
    """Yield the places of about `_BLOCK` pairs, those of a query together."""
    of_query: dict[str, list[int]] = {}
    for place in places:
        of_query.setdefault(pairs[place].query, []).append(place)
    block: list[int] = []
    for its in of_query.values():
        block += its
        if len(block) >= _BLOCK:
            yield block
            block = []
    if block:
        yield block
