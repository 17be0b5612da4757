"""The texts on which a model with a part of its vocabulary is compared with its original; their pieces are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.models import canaries
from tcmbench.models.vocabulary import files

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.specs.base import Base


def texts(base: Base) -> list[str]:
    """Return the canary texts with each prompt of the base, and without."""
    prompts = dict.fromkeys([base.query_prompt, base.document_prompt, base.symmetric_prompt or "", ""])
    return [prompt + text for prompt in prompts for text in (*canaries.QUERIES, *canaries.DOCUMENTS)]


def ids(base: Base, folder: Path) -> list[list[int]]:
    """Return the ids of each text that is compared; for a reranker with a template also of the pairs."""
    tokenizer = files.backend(folder)
    rows = [encoding.ids for encoding in tokenizer.encode_batch([*texts(base), base.instruction])]
    if base.kind == "reranker":
        from transformers import AutoTokenizer

        loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if loaded.chat_template:
            rows += [canaries.pair_ids(loaded, *pair, instruction=base.instruction) for pair in pairs()]
    return rows


def pairs() -> list[tuple[str, str]]:
    """Return the canary pairs of query and document."""
    return list(zip(canaries.QUERIES, canaries.DOCUMENTS, strict=True))
