"""What all dialects have in common: the served model, its queue, the bounds of a request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.serving import input_types
from tcmbench.serving.batching import Answers, Batching, BatchQueue
from tcmbench.serving.engines import PairEngine, QueryAndDocument, VectorEngine
from tcmbench.serving.input_types import InputType, TypedText
from tcmbench.serving.limits import Limits
from tcmbench.serving.metrics import Metrics
from tcmbench.serving.refusals import Refused, bad_request
from tcmbench.serving.twins import side_by_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tcmbench.serving.served import Served


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """How a model is served."""

    name: str = ""
    """Name that clients know it by; empty takes its own."""

    input_type: InputType = InputType.NONE
    """Type of texts whose request states none."""

    batching: Batching = field(default_factory=Batching)
    """How requests become batches."""

    parallel_batches: int = 1
    """Batches computed at the same time, each with its share of the cores."""

    limits: Limits = field(default_factory=Limits)
    """Bounds of one request."""


class Service:
    """A served model."""

    def __init__(self, served: Served, engine: VectorEngine | PairEngine, options: ServiceOptions) -> None:
        """Set up the queue; `start` starts it.

        Args:
            served: What is known of the model.
            engine: The loaded model.
            options: How it is served.

        Raises:
            SpecError: Texts without a type, of a model whose vectors depend on it; several batches at the same time
                of a model that computes one.
        """
        self.served = served
        self.name = options.name or served.model.name
        self.input_type = options.input_type
        self.limits = options.limits
        self.engine = engine
        self.metrics = Metrics()
        self.batching = replace(options.batching, tokens=options.batching.tokens or engine.batch_tokens)
        longest = served.model.base.max_length
        self.texts: BatchQueue[TypedText] | None = None
        self.pairs: BatchQueue[QueryAndDocument] | None = None
        report = self.metrics.count_batch
        if isinstance(engine, VectorEngine):
            costs = {kind: len(engine.prompt(kind)) for kind in InputType}
            self.texts = BatchQueue(
                side_by_side(engine, options.parallel_batches, name=served.model.name),
                cost=lambda item: min(max(costs[item.type] + len(item.text), 1), longest),
                options=self.batching,
                call_tokens=engine.call_tokens,
                report=report,
            )
        else:
            self.pairs = BatchQueue(
                side_by_side(engine, options.parallel_batches, name=served.model.name),
                cost=lambda item: min(max(len(item.query) + len(item.document), 1), longest),
                options=self.batching,
                call_tokens=engine.call_tokens,
                report=report,
            )
        self.metrics.describe(
            model=self.name,
            revision=served.model.revision,
            kind=self.kind,
            waiting=lambda: self.queue.waiting_tokens,
        )

    @property
    def kind(self) -> str:
        """`embedding` or `reranker`."""
        return "reranker" if self.pairs is not None else "embedding"

    @property
    def queue(self) -> BatchQueue[TypedText] | BatchQueue[QueryAndDocument]:
        """The queue of its model."""
        queue = self.pairs or self.texts
        if queue is None:
            raise ValueError("a service has a queue")
        return queue

    def type_of(self, stated: str | None, *, model: str | None = None) -> InputType:
        """Return the type of a request's texts, by its field or the end of its model's name.

        Raises:
            Refused: Another model, an unknown type, two types, or none where the model needs one.
        """
        by_name: InputType | None = None
        if model is not None:
            try:
                by_name = input_types.of_model(model, self.name)
            except ValueError as error:
                raise Refused(
                    HTTPStatus.NOT_FOUND,
                    f"no model {model[:80]!r} here: this server has {self.name!r}, also as {self.name}-query and "
                    f"{self.name}-document",
                ) from error
        by_field = None if stated is None else input_types.of_name(stated)
        if by_field is not None and by_name is not None and by_field != by_name:
            raise bad_request(f"input_type is {by_field.value}, the name of the model says {by_name.value}: send one.")
        return by_field or by_name or self.input_type

    async def vectors(self, texts: Sequence[str], kind: InputType, *, field: str) -> Answers:
        """Return the vectors of texts of one type.

        Raises:
            Refused: The model has none, or the request is out of bounds.
        """
        if self.texts is None or not isinstance(self.engine, VectorEngine):
            raise bad_request(f"{self.name} is a reranker, which has no vectors: send pairs to /v1/rerank or /score.")
        if kind is InputType.NONE and self.engine.needs_type:
            raise bad_request(
                f"{self.name} has other vectors for queries than for documents: state input_type, or send the model's "
                f"name as {self.name}-query or {self.name}-document."
            )
        self.limits.check(texts, field=field)
        return await self.texts.submit([TypedText(kind, text) for text in texts])

    async def scores(self, query: str, documents: Sequence[str], *, field: str) -> Answers:
        """Return evaluation's scores of a query with documents: a reranker's logits, else cosines.

        Raises:
            Refused: The request is out of bounds.
        """
        self.limits.check([query], field="query")
        self.limits.check(documents, field=field)
        if self.pairs is not None:
            return await self.pairs.submit([QueryAndDocument(query, document) for document in documents])
        if self.texts is None:
            raise ValueError("a service has a queue")
        typed = [TypedText(InputType.QUERY, query), *(TypedText(InputType.DOCUMENT, text) for text in documents)]
        answers = await self.texts.submit(typed)
        return Answers(_cosines(answers.values), answers.tokens)

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return scores as rerankers' APIs have them: from 0 to 1 for a reranker, cosines as they are.

        In double precision, in which no two logits below 36 become equal.
        """
        exact = scores.astype(np.float64)
        if self.pairs is None:
            return exact
        # Two forms, each without overflow for its sign.
        small = np.exp(-np.abs(exact))
        return np.where(exact >= 0, 1 / (1 + small), small / (1 + small))


def _cosines(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosines of the first vector with each of the others; 0 where one is zero."""
    norms = np.linalg.norm(vectors, axis=1)
    products = vectors[1:] @ vectors[0]
    lengths = norms[1:] * norms[0]
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
