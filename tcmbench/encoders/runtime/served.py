"""Models behind a server: an encoder that sends texts to `/embeddings`, a reranker that sends pairs to `/rerank`.

What is sent and what comes back is all that is known of them, so both have canaries (`canaries`), and check on the
first look that the server reads as much of a text as their base says, and the instruction.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tcmbench.encoders import _answers
from tcmbench.encoders._cut import QueryDocument
from tcmbench.encoders._http import RefusedRequest
from tcmbench.encoders._in_parallel import results
from tcmbench.encoders._length_check import ProbeAnswer, require_length
from tcmbench.encoders._prompts import prompt_for
from tcmbench.encoders.runtime import drift
from tcmbench.encoders.runtime.canaries import DOCUMENTS, QUERY, SHORT, TEXTS, Values, may_be_refused
from tcmbench.errors import EvaluationError
from tcmbench.ranking.unit_vectors import unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mteb.models import ModelMeta
    from numpy.typing import NDArray

    from tcmbench.encoders._cut import TextCutter
    from tcmbench.encoders._endpoint_options import Options
    from tcmbench.encoders._http import Server
    from tcmbench.encoders.runtime.canaries import Watch
    from tcmbench.specs.base import Base

_MARK = "a query"
"""Label of the canary that goes with every request."""


class Endpoint:
    """An encoder behind a server (a `TextEncoder`)."""

    dtype = "float32"
    computed_with: Mapping[str, str] = MappingProxyType({})
    """No package of this environment computes its vectors."""

    def __init__(self, server: Server, *, base: Base, options: Options, meta: ModelMeta) -> None:
        self.mteb_model_meta = meta
        self.revision = str(meta.revision)
        self.max_length = base.max_length
        self.cutter: TextCutter | None = None
        """Cuts texts before they are sent; None leaves that to the server."""
        self.watch: Watch | None = None
        """Has to have seen the canaries before `encode_parts`; None for a model that is not watched."""
        self._server = server
        self._base = base
        self._options = options

    def prompt_for(self, task_metadata: Any, prompt_type: Any) -> str:
        """Return what is put before a text of this task and role."""
        return prompt_for(self._base, task_metadata, prompt_type)

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in characters, which is near the tokens of Chinese, at most `max_length`."""
        return [min(len(text), self.max_length) for text in texts]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text, float32, shape (len(texts), dimensions); prompts are in the text.

        Raises:
            ModelAbsent: The server can't be reached. EvaluationError: It answers with something else.
        """
        return self._joined(dict(self._blocks(texts, size=self._options.batch_texts, mark=None)))

    def encode_parts(self, texts: Sequence[str]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield the vectors of parts of the texts as they arrive, each with a canary in the same request.

        After an error, what other requests have brought is yielded before it is raised.

        Raises:
            ModelAbsent: The server can't be reached.
            EvaluationError: It answers with something else, or the canary isn't that of the watched model.
        """
        seen = None if self.watch is None else self.watch.values
        size = max(self._options.batch_texts - (seen is not None), 1)
        for place, vectors in self._blocks(texts, size=size, mark=None if seen is None else seen[_MARK]):
            yield slice(place * size, place * size + len(vectors)), vectors

    def canaries(self) -> Values:
        """Return the vectors of the canaries that the server takes; strict ones refuse empty and very long texts."""
        labels = list(TEXTS)
        try:
            values = dict(zip(labels, self.encode_texts(list(TEXTS.values())), strict=True))
        except RefusedRequest:
            values = self._one_by_one(TEXTS)
        return {**values, **self._one_by_one({drift.EMPTY: ""})}

    def inspect(self) -> None:
        """Check that the server reads `max_length` tokens.

        Raises:
            EvaluationError: It reads more, or fewer.
        """

        def read(texts: list[str]) -> ProbeAnswer:
            # The first alone, as a server counts the tokens of a whole request.
            vectors, tokens = self._send(texts[:1])
            return ProbeAnswer(
                np.concatenate([unit(vectors), *[unit(self._send([text])[0]) for text in texts[1:]]]), tokens
            )

        require_length(read, max_length=self.max_length, cutter=self.cutter, where=self._where)

    @property
    def _where(self) -> str:
        return f"{self._server.shown}/embeddings"

    def _one_by_one(self, texts: Mapping[str, str]) -> Values:
        values: Values = {}
        for label, text in texts.items():
            try:
                values[label] = self._joined({0: self._send([text])[0]})[0]
            except RefusedRequest:
                if not may_be_refused(label):
                    raise
        return values

    def _blocks(
        self, texts: Sequence[str], *, size: int, mark: NDArray[np.float32] | None
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the place of each request of `size` texts with its vectors, as they arrive."""
        parts = [texts[start : start + size] for start in range(0, len(texts), size)]
        # A server of its own for these requests: they end together.
        call = replace(self._server, ended=threading.Event())

        def ask(part: Sequence[str]) -> NDArray[np.float32]:
            if mark is None:
                return self._send(part, server=call)[0]
            if len(part) < self._options.batch_texts:
                vectors = self._send([SHORT, *part], server=call)[0]
                self._require_mark(vectors[0], mark)
                return vectors[1:]
            vectors = self._send(part, server=call)[0]
            self._require_mark(self._send([SHORT], server=call)[0][0], mark)
            return vectors

        for place, block in results(ask, parts, connections=self._options.connections, ended=call.ended):
            yield place, self._normalized(block)

    def _require_mark(self, now: NDArray[np.float32], before: NDArray[np.float32]) -> None:
        changed = drift.of_vectors({_MARK: before}, {_MARK: now}, tolerance=drift.SAME_MODEL)
        if changed.is_drift:
            raise EvaluationError(
                f"{self._where}: the canary of a request has another vector than at the start ({changed.said()}), so "
                "another model answers. These vectors were not stored."
            )

    def _send(self, texts: Sequence[str], *, server: Server | None = None) -> tuple[NDArray[np.float32], int | None]:
        """Return one vector per text, and the tokens of all where the server states them."""
        cut = self.cutter.texts(texts) if self.cutter is not None else list(texts)
        sent = [text or self._options.empty_text for text in cut]
        body = {**self._options.body, "model": self._options.model, "input": sent}
        answer = (server or self._server).post("/embeddings", body, texts=len(sent))
        rows = answer.get("data") if isinstance(answer, dict) else None
        try:
            vectors = np.stack([_answers.vector(row["embedding"]) for row in _answers.in_order(rows, len(sent))])
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(
                f"{self._where}: expected `data` with `index` and `embedding` for each of {len(sent)} texts, got "
                f"{_answers.shape(answer)}"
            ) from error
        return vectors, _answers.tokens(answer)

    def _joined(self, blocks: dict[int, NDArray[np.float32]]) -> NDArray[np.float32]:
        sizes = sorted({block.shape[1] for block in blocks.values()})
        if len(sizes) > 1:
            raise EvaluationError(f"{self._where}: expected vectors of one length, got {', '.join(map(str, sizes))}")
        return self._normalized(np.concatenate([blocks[place] for place in sorted(blocks)]))

    def _normalized(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return unit(vectors) if self._base.normalize else vectors


class EndpointReranker:
    """A reranker behind a server; `CachedReranker` makes it one for mteb."""

    computed_with: Mapping[str, str] = MappingProxyType({})
    """No package of this environment computes its scores."""

    def __init__(self, server: Server, *, base: Base, options: Options, meta: ModelMeta) -> None:
        self.mteb_model_meta = meta
        self.revision = str(meta.revision)
        self.max_length = base.max_length
        self.cutter: TextCutter | None = None
        """Cuts pairs before they are sent; None leaves that to the server."""
        self.watch: Watch | None = None
        """None for a model that is not watched."""
        self._server = server
        self._options = options
        self._instruction = base.instruction

    def score_pairs(self, pairs: Sequence[QueryDocument]) -> NDArray[np.float32]:
        """Return one score per pair, in order; all documents of a query go in one request.

        Raises:
            ModelAbsent: The server can't be reached. EvaluationError: It answers with something else.
        """
        return self._scores(pairs, instruction=self._instruction)

    def canaries(self) -> Values:
        """Return the scores of the canaries."""
        return self._canaries(self._instruction)

    def inspect(self) -> None:
        """Check that the server reads `max_length` tokens of a pair, and the instruction.

        Raises:
            EvaluationError: It reads more, or ignores the instruction.
        """

        def read(documents: list[str]) -> ProbeAnswer:
            scores, tokens = zip(*(self._send(QUERY, [document]) for document in documents), strict=True)
            return ProbeAnswer(drift.logits(np.array(scores, dtype=np.float64)).astype(np.float32), tokens[0])

        if self.cutter is None:
            require_length(read, max_length=self.max_length, cutter=None, where=self._where)
        if self._instruction:
            with_it, without = self._canaries(self._instruction), self._canaries("")
            if not drift.of_scores(with_it, without, tolerance=drift.EQUAL).is_drift:
                raise EvaluationError(
                    f"{self._where}: the server ignores the field `instruction`: scores are the same without it. Use "
                    "the variable `instruction` in its template, or put the text into the template and leave it out of "
                    "the base."
                )

    @property
    def _where(self) -> str:
        return f"{self._server.shown}/rerank"

    def _canaries(self, instruction: str) -> Values:
        try:
            pairs = [QueryDocument(QUERY, document) for document in DOCUMENTS.values()]
            scores = self._scores(pairs, instruction=instruction)
            return {label: scores[place : place + 1] for place, label in enumerate(DOCUMENTS)}
        except RefusedRequest:
            values: Values = {}
            for label, document in DOCUMENTS.items():
                try:
                    values[label] = self._scores([QueryDocument(QUERY, document)], instruction=instruction)
                except RefusedRequest:
                    if not may_be_refused(label):
                        raise
            return values

    def _scores(self, pairs: Sequence[QueryDocument], *, instruction: str) -> NDArray[np.float32]:
        cut = self.cutter.pairs(pairs) if self.cutter is not None else pairs
        wanted: dict[str, dict[str, None]] = defaultdict(dict)
        for query, document in cut:
            wanted[query][document] = None
        size = self._options.batch_texts
        requests = [
            (query, documents[start : start + size])
            for query, documents in ((query, list(its)) for query, its in wanted.items())
            for start in range(0, len(documents), size)
        ]
        call = replace(self._server, ended=threading.Event())

        def ask(request: tuple[str, list[str]]) -> list[float]:
            return self._send(*request, instruction=instruction, server=call)[0]

        scores: dict[QueryDocument, float] = {}
        for place, answered in results(ask, requests, connections=self._options.connections, ended=call.ended):
            query, documents = requests[place]
            scores |= {
                QueryDocument(query, document): score for document, score in zip(documents, answered, strict=True)
            }
        return np.array([scores[pair] for pair in cut], dtype=np.float32)

    def _send(
        self, query: str, documents: list[str], *, instruction: str | None = None, server: Server | None = None
    ) -> tuple[list[float], int | None]:
        """Return one score per document, and the tokens of all where the server states them."""
        given = self._options
        instruction = self._instruction if instruction is None else instruction
        sent = [document or given.empty_text for document in documents]
        body: dict[str, Any] = {**given.body, "query": query or given.empty_text}
        post: Callable[..., Any] = (server or self._server).post
        if given.dialect == "texts":
            answer = post("/rerank", {**body, "texts": sent}, texts=len(sent))
            rows, name = answer, "score"
        else:
            body |= {"model": given.model, "documents": sent} | ({"instruction": instruction} if instruction else {})
            answer = post("/rerank", body, texts=len(sent))
            rows, name = answer.get("results") if isinstance(answer, dict) else None, "relevance_score"
        try:
            return [float(row[name]) for row in _answers.in_order(rows, len(sent))], _answers.tokens(answer)
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(
                f"{self._where}: expected `index` and `{name}` for each of {len(sent)} documents (dialect "
                f"{given.dialect!r}), got {_answers.shape(answer)}"
            ) from error
