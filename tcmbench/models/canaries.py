"""Canary texts, on which all implementations of a model must agree, and their tokens in evaluation."""

from __future__ import annotations

from typing import Any

QUERIES = (
    "主诉：胃脘隐痛半年。\n现病史：食后腹胀，倦怠乏力，大便溏薄。\n",
    "夜间盗汗, 口干 2 weeks，舌红少苔",
    "？",
)
DOCUMENTS = (
    "名称：脾胃虚弱证。\n定义：脾胃之气不足，运化失司。",
    "阴虚 (yin deficiency)：虚热内生。\n\n",
    "湿",
)


def text_ids(tokenizer: Any, text: str) -> list[int]:
    """Return the token ids of a text for an embedding model in evaluation."""
    ids: list[int] = tokenizer(text)["input_ids"]
    return list(ids)


def pair_ids(tokenizer: Any, query: str, document: str, *, instruction: str) -> list[int]:
    """Return the token ids of a pair for a reranker with a chat template in evaluation."""
    messages = [
        {"role": "system", "content": instruction},
        {"role": "query", "content": query},
        {"role": "document", "content": document},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return list(ids)


def pair_inputs(tokenizer: Any, query: str, document: str, *, instruction: str) -> dict[str, list[int]]:
    """Return the inputs of a reranker in evaluation: by its chat template, or without one as a pair of texts."""
    if tokenizer.chat_template:
        return {"input_ids": pair_ids(tokenizer, query, document, instruction=instruction)}
    return dict(tokenizer(query, document, return_attention_mask=False))
