"""Plain bodies: `text` to `embedding`, `texts` to `embeddings`, a query with `doc` or `docs` to `score` or `scores`.

Scores are evaluation's own: logits of a reranker, cosines of an embedding model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.serving.dialects import Operation, RequestBody

if TYPE_CHECKING:
    from tcmbench.serving.service import Service
    from tcmbench.store import Json


class TextRequest(RequestBody):
    """Body of `POST /embed` with `text`."""

    text: str

    input_type: str | None = None


class TextsRequest(RequestBody):
    """Body of `POST /embed_batch`."""

    texts: list[str]

    input_type: str | None = None


class PairRequest(RequestBody):
    """Body of `POST /score`."""

    query: str

    doc: str


class PairsRequest(RequestBody):
    """Body of `POST /score_batch`."""

    query: str

    docs: list[str]


async def _embed(service: Service, request: TextRequest) -> Json:
    answers = await service.vectors([request.text], service.type_of(request.input_type), field="text")
    return {"embedding": answers.values[0].tolist()}


async def _embed_batch(service: Service, request: TextsRequest) -> Json:
    answers = await service.vectors(request.texts, service.type_of(request.input_type), field="texts")
    return {"embeddings": answers.values.tolist()}


async def _score(service: Service, request: PairRequest) -> Json:
    answers = await service.scores(request.query, [request.doc], field="doc")
    return {"score": float(answers.values[0])}


async def _score_batch(service: Service, request: PairsRequest) -> Json:
    answers = await service.scores(request.query, request.docs, field="docs")
    return {"scores": answers.values.tolist()}


OPERATIONS = (
    Operation(("/embed",), "text", TextRequest, _embed),
    Operation(("/embed_batch",), "texts", TextsRequest, _embed_batch),
    Operation(("/score",), "doc", PairRequest, _score),
    Operation(("/score_batch",), "docs", PairsRequest, _score_batch),
)
