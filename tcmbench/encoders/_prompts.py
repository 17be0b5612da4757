"""Which prompt a text gets, for every encoder that takes prompts from its base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tcmbench.specs.base import Base

_RETRIEVAL = ("Retrieval", "Reranking")


def prompt_for(base: Base, task_metadata: Any, prompt_type: Any) -> str:
    """Return what is put before a text: queries get the query prompt, everything else the document prompt.

    Retrieval and reranking share it, so that a query is encoded once for both.
    """
    kind = str(task_metadata.type)
    if str(prompt_type) == "query" and any(word in kind for word in _RETRIEVAL):
        return base.query_prompt
    return base.document_prompt
