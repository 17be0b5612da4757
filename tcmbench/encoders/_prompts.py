"""The prompt of a text, for encoders that take prompts from their base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tcmbench.specs.base import Base

_RETRIEVAL = ("Retrieval", "Reranking")


def prompt_for(base: Base, task_metadata: Any, prompt_type: Any) -> str:
    """Return the prompt of a text: the query prompt for queries, the document prompt for all other texts.

    It is the same for retrieval and reranking, so that a query is encoded once for both.
    """
    kind = str(task_metadata.type)
    if str(prompt_type) == "query" and any(word in kind for word in _RETRIEVAL):
        return base.query_prompt
    return base.document_prompt
