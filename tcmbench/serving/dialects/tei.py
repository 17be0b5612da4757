"""Text Embeddings Inference: `/embed` with `inputs`, `/rerank` with `texts`, answers that are plain lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from tcmbench.ranking.unit_vectors import unit
from tcmbench.serving.dialects import Operation, RequestBody
from tcmbench.serving.refusals import bad_request
from tcmbench.serving.vectors import shortened

if TYPE_CHECKING:
    from tcmbench.serving.service import Service
    from tcmbench.store import Json


class TeiEmbedRequest(RequestBody):
    """Body of `POST /embed` with `inputs`."""

    inputs: str | list[str] = Field(union_mode="left_to_right")

    normalize: bool | None = None
    """Whether vectors have unit length; None for those of evaluation."""

    prompt_name: str | None = None
    """Type of the texts: query, document, passage or text."""

    dimensions: int | None = Field(default=None, ge=1)

    truncate: bool | None = None
    """Ignored: texts are always cut, as in evaluation."""

    truncation_direction: Literal["right", "Right"] = "right"


class TeiRerankRequest(RequestBody):
    """Body of `POST /rerank` with `texts`."""

    query: str

    texts: list[str]

    raw_scores: bool = False
    """Whether scores of a reranker are evaluation's logits; else they are from 0 to 1."""

    return_text: bool = False

    truncate: bool | None = None
    """Ignored: texts are always cut, as in evaluation."""

    truncation_direction: Literal["right", "Right"] = "right"


async def _embed(service: Service, request: TeiEmbedRequest) -> Json:
    texts = [request.inputs] if isinstance(request.inputs, str) else request.inputs
    answers = await service.vectors(texts, service.type_of(request.prompt_name), field="inputs")
    is_unit = service.served.model.base.normalize
    if request.normalize is False and is_unit:
        raise bad_request("normalize: the model's vectors have unit length, as in evaluation. Leave it out.")
    vectors = unit(answers.values) if request.normalize and not is_unit else answers.values
    rows: list[Json] = shortened(vectors, request.dimensions).tolist()
    return rows


async def _rerank(service: Service, request: TeiRerankRequest) -> Json:
    answers = await service.scores(request.query, request.texts, field="texts")
    scores = answers.values if request.raw_scores else service.probabilities(answers.values)
    ranked: list[Json] = []
    for place in np.argsort(-scores, kind="stable").tolist():
        text: dict[str, Json] = {"text": request.texts[place]} if request.return_text else {}
        ranked.append({"index": place, "score": float(scores[place]), **text})
    return ranked


OPERATIONS = (
    Operation(("/embed",), "inputs", TeiEmbedRequest, _embed),
    Operation(("/rerank",), "texts", TeiRerankRequest, _rerank),
)
