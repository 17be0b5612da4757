"""Texts and pairs cut at a number of tokens before they are sent, as a local model cuts them.

Servers cut elsewhere, or not at all, and few say where. What is sent is text, so that a cut in the middle of a word may
be tokenised anew: a text then loses one more token than a local model would take from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class QueryDocument(NamedTuple):
    """A query and a document."""

    query: str
    document: str


class TextCutter:
    """Cuts by a tokenizer."""

    def __init__(self, folder: Path, *, max_length: int, instruction: str = "") -> None:
        """Load the tokenizer of a model.

        Args:
            folder: The model, or its tokenizer alone.
            max_length: Tokens that remain, special tokens and those of a template included.
            instruction: Instruction of a reranker, which takes some of them.

        Raises:
            ModelAbsent: The folder has no tokenizer, or one without offsets into the text.
        """
        from transformers import AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelAbsent(f"{folder}: expected a tokenizer, to cut texts with: {error}") from error
        if not self._tokenizer.is_fast:
            raise ModelAbsent(f"{folder}: expected a tokenizer.json, as only such tokenizers say where a token ends.")
        self._tokenizer.model_max_length = 1 << 30  # no warning of texts that are cut here
        self._max_length = max_length
        self._around = self._tokens_around(instruction)

    def count(self, text: str) -> int:
        """Return the number of tokens of a text, special tokens included."""
        return len(self._tokenizer(text)["input_ids"])

    def texts(self, texts: Sequence[str]) -> list[str]:
        """Return texts without what is beyond the last token, in their order."""
        return [self._cut(text, self._max_length, special=True) for text in texts]

    def pairs(self, pairs: Sequence[QueryDocument]) -> list[QueryDocument]:
        """Return pairs that fit: the document is cut in a template, otherwise the longer part first."""
        return [self._pair(pair) for pair in pairs]

    def _pair(self, pair: QueryDocument) -> QueryDocument:
        room = max(self._max_length - self._around, 2)
        lengths = [self._length(text) for text in pair]
        if sum(lengths) <= room:
            return pair
        if self._tokenizer.chat_template:
            document = max(room - lengths[0], 0)
            return QueryDocument(
                pair.query if document else self._cut(pair.query, room), self._cut(pair.document, document)
            )
        # As the tokenizer's "longest_first" does it: of two long texts an odd token goes to the longer.
        shorter = min(*lengths, room // 2)
        query = room - shorter if lengths[0] > lengths[1] else shorter
        return QueryDocument(self._cut(pair.query, query), self._cut(pair.document, room - query))

    def _length(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _cut(self, text: str, tokens: int, *, special: bool = False) -> str:
        encoded = self._tokenizer(text, add_special_tokens=special, return_offsets_mapping=True)
        if len(encoded["input_ids"]) <= tokens:
            return text
        offsets = [place for place in encoded["offset_mapping"] if place[1] > place[0]]
        left = tokens - (len(encoded["input_ids"]) - len(offsets))
        while left > 0:
            shorter: str = text[: offsets[left - 1][1]]
            if len(self._tokenizer(shorter, add_special_tokens=special)["input_ids"]) <= tokens:
                return shorter
            left -= 1
        return ""

    def _tokens_around(self, instruction: str) -> int:
        """Return the tokens of a pair that are neither query nor document."""
        if not self._tokenizer.chat_template:
            return int(self._tokenizer.num_special_tokens_to_add(pair=True))
        messages = [
            {"role": "system", "content": instruction},
            {"role": "query", "content": "证"},
            {"role": "document", "content": "证"},
        ]
        whole = self._tokenizer.apply_chat_template(messages, tokenize=False)
        return self._length(whole) - 2 * self._length("证")
