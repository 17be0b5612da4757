"""OpenAI's embeddings, with the fields of vLLM, Cohere and NIM that say what a text is."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from tcmbench.serving.dialects import Operation, RequestBody
from tcmbench.serving.refusals import bad_request
from tcmbench.serving.vectors import shortened

if TYPE_CHECKING:
    from tcmbench.serving.service import Service
    from tcmbench.store import Json


class EmbeddingsRequest(RequestBody):
    """Body of `POST /v1/embeddings`."""

    input: str | list[str] = Field(union_mode="left_to_right")
    """A text or several. Token ids, which OpenAI's API also takes, are those of another tokenizer."""

    model: str | None = None
    """Name of the model, or with `-query` or `-document` at its end."""

    input_type: str | None = None
    """query, document or text: the prompt that evaluation gives such texts; none: the text is complete."""

    encoding_format: Literal["float", "base64"] | None = None
    """float, which is the default, or base64."""

    dimensions: int | None = Field(default=None, ge=1)
    """Length of the vectors; shorter ones have scores of their own."""

    truncate_prompt_tokens: int | None = Field(default=None, ge=-1)
    """Of vLLM: texts are cut at the model's longest input, as in evaluation, so a shorter one is refused."""

    user: str | None = None
    """Ignored."""


async def _embeddings(service: Service, request: EmbeddingsRequest) -> Json:
    _require_own_length(service, request.truncate_prompt_tokens)
    kind = service.type_of(request.input_type, model=request.model)
    texts = [request.input] if isinstance(request.input, str) else request.input
    answers = await service.vectors(texts, kind, field="input")
    vectors = shortened(answers.values, request.dimensions)
    rows: list[Json]
    if request.encoding_format == "base64":
        rows = [base64.b64encode(row.astype("<f4").tobytes()).decode("ascii") for row in vectors]
    else:
        rows = vectors.tolist()
    tokens = int(np.sum(answers.tokens))
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)],
        "model": service.name,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _require_own_length(service: Service, tokens: int | None) -> None:
    longest = service.served.model.base.max_length
    if tokens is not None and 0 <= tokens < longest:
        raise bad_request(
            f"truncate_prompt_tokens: texts are cut at {longest} tokens, as in evaluation, got {tokens}. Leave it out."
        )


def models(service: Service) -> Json:
    """Return the body of `GET /v1/models`: the one model, without its names by type."""
    return {
        "object": "list",
        "data": [
            {
                "id": service.name,
                "object": "model",
                "created": 0,
                "owned_by": "tcmbench",
                "root": service.served.model.name,
                "max_model_len": service.served.model.base.max_length,
            }
        ],
    }


OPERATIONS = (Operation(("/v1/embeddings", "/embeddings"), "input", EmbeddingsRequest, _embeddings),)
