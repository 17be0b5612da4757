"""Reranking as Jina, Cohere and vLLM have it: a query with `documents`, results by descending relevance."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from tcmbench.serving.dialects import Operation, RequestBody
from tcmbench.serving.refusals import bad_request

if TYPE_CHECKING:
    from tcmbench.serving.service import Service
    from tcmbench.store import Json


Document = str | Annotated[dict[Literal["text"], str], Field(min_length=1)]
"""A document: its text, or an object with its text."""


class RerankRequest(RequestBody):
    """Body of `POST /v1/rerank`."""

    query: str

    documents: list[Document]

    model: str | None = None

    top_n: int | None = Field(default=None, ge=1)
    """Most results; None for all."""

    return_documents: bool = False
    """Whether results contain the documents."""

    use_activation: bool = True
    """Of vLLM: whether scores of a reranker are from 0 to 1; else they are evaluation's logits."""

    instruction: str | None = None
    """Of vLLM: the instruction of the model, which is used without the field too; no other was measured."""

    user: str | None = None
    """Ignored."""


async def _rerank(service: Service, request: RerankRequest) -> Json:
    service.type_of(None, model=request.model)
    own = service.served.model.base.instruction
    if request.instruction not in {None, own}:
        raise bad_request(
            f"instruction: expected {own!r}, with which the model was measured, or no such field."
            if own
            else "instruction: the model was measured without one. Leave it out."
        )
    texts = [document if isinstance(document, str) else document["text"] for document in request.documents]
    answers = await service.scores(request.query, texts, field="documents")
    scores = service.probabilities(answers.values) if request.use_activation else answers.values
    results: list[Json] = []
    for place in np.argsort(-scores, kind="stable").tolist()[: request.top_n]:
        result: dict[str, Json] = {"index": place, "relevance_score": float(scores[place])}
        if request.return_documents:
            result["document"] = {"text": texts[place]}
        results.append(result)
    tokens = int(np.sum(answers.tokens))
    return {
        "id": f"rerank-{uuid.uuid4().hex}",
        "model": service.name,
        "results": results,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


OPERATIONS = (Operation(("/v1/rerank", "/v2/rerank", "/rerank"), "documents", RerankRequest, _rerank),)
