"""How a model is loaded by other programs, with its prompts and longest input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tcmbench.specs.base import Base

_PLAIN = frozenset({"sentence_transformers", "cross_encoder", "vllm"})
"""Encoders whose scores any loader of the folder gives."""


class Usage(NamedTuple):
    """How a model is used."""

    python: str
    """Code for sentence-transformers."""

    vllm: str
    """Command; empty where vLLM doesn't run such a model."""

    encoder: str
    """Name of an encoder of tcmbench that the scores need; empty where any loader gives them."""


def of(base: Base, *, name: str) -> Usage:
    """Return the use of a model.

    Args:
        base: How the model is used.
        name: Its folder, or its name on a hub.
    """
    encoder = "" if base.encoder in _PLAIN else base.encoder
    if base.kind == "reranker":
        return Usage(_reranker(base, name), "", encoder)
    is_static = base.architecture in {None, "static"}
    vllm = "" if is_static else f"vllm serve {name} --runner pooling --max-model-len {base.max_length}"
    return Usage(_embedding(base, name), vllm, encoder)


def _embedding(base: Base, name: str) -> str:
    query, document = _text(base.query_prompt), _text(base.document_prompt)
    lines = [
        "from sentence_transformers import SentenceTransformer",
        "",
        f"model = SentenceTransformer({_text(name)})",
        *([] if base.architecture == "static" else [f"model.max_seq_length = {base.max_length}"]),
        f'queries = model.encode(["胃脘隐痛，喜温喜按，食少便溏"], prompt={query})',
        f'documents = model.encode(["脾胃虚寒证", "肝气犯胃证"], prompt={document})',
        "print(model.similarity(queries, documents))",
    ]
    return "\n".join(lines)


def _reranker(base: Base, name: str) -> str:
    lines = [
        "from sentence_transformers import CrossEncoder",
        "",
        f"model = CrossEncoder({_text(name)}, max_length={base.max_length})",
        'print(model.predict([("胃脘隐痛，喜温喜按，食少便溏", "脾胃虚寒证")]))',
    ]
    return "\n".join(lines)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
