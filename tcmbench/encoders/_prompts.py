"""The prompt of a text, for encoders that take prompts from their base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tcmbench.specs.base import Base

_RETRIEVAL = ("Retrieval", "Reranking")


def prompt_for(base: Base, task_metadata: Any, prompt_type: Any) -> str:
    """Return the prompt of a text: of queries and documents for retrieval and reranking, else the symmetric one.

    It is the same for retrieval and reranking, so that a query is encoded once for both.
    """
    if any(word in str(task_metadata.type) for word in _RETRIEVAL):
        return base.query_prompt if str(prompt_type) == "query" else base.document_prompt
    return base.document_prompt if base.symmetric_prompt is None else base.symmetric_prompt
