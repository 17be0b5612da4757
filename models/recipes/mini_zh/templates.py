"""The prompt of a Qwen3-Reranker, as text and as a chat template: one wording, two forms."""

from __future__ import annotations

from models.recipes.mini_zh.batches import INSTRUCTION

_SYSTEM = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".'
)
BEFORE = f"<|im_start|>system\n{_SYSTEM}<|im_end|>\n<|im_start|>user\n"
AFTER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


def reranker_text(query: str, document: str, *, instruction: str = INSTRUCTION) -> str:
    """Return what the reranker reads; its answer is the next token."""
    return f"{BEFORE}{_question(query, instruction=instruction)}{document}{AFTER}"


def reranker_head(query: str, *, instruction: str = INSTRUCTION) -> str:
    """Return the part of ``reranker_text`` that comes before the document."""
    return f"{BEFORE}{_question(query, instruction=instruction)}"


def chat_template(*, instruction: str = INSTRUCTION) -> str:
    """Return the Jinja template that builds ``reranker_text`` from messages of roles system, query and document.

    The ends are expressions, since Jinja drops a template's final newline and with it a token.
    """
    found = '{{%- set {0} = messages | selectattr("role", "eq", "{1}") | map(attribute="content") | first {2}-%}}'
    return (
        found.format("instruction", "system", f'| default("{instruction}", true) ')
        + found.format("query", "query", "")
        + found.format("document", "document", "")
        + "{{- "
        + " ~ ".join(
            (
                _literal(BEFORE + "<Instruct>: "),
                "instruction",
                _literal("\n<Query>: "),
                "query",
                _literal("\n<Document>: "),
                "document",
                _literal(AFTER),
            )
        )
        + " -}}"
    )


def _question(query: str, *, instruction: str) -> str:
    return f"<Instruct>: {instruction}\n<Query>: {query}\n<Document>: "


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("'", "\\'")
    return f"'{escaped}'"
