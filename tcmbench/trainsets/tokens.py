"""The tokenizer of a base, for counting and cutting text before training."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import tokenizers

_BATCH = 1000

# Files that transformers can convert to a fast tokenizer; checked first, as importing it takes seconds.
_SLOW_FILES = ("vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model", "tokenizer.model")


class FolderTokenizer:
    """The fast tokenizer in a model's folder."""

    def __init__(self, folder: Path, *, reserved: int = 2) -> None:
        """Load it.

        Args:
            folder: Folder with a `tokenizer.json`, or with files that transformers can convert to one.
            reserved: Tokens that the trainer's template adds to a text or pair.

        Raises:
            ModelAbsent: The folder holds no tokenizer.
        """
        self._tokenizer = _load(folder)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.reserved = reserved
        self.revision = hashlib.sha256(f"{reserved}\n{self._tokenizer.to_str()}".encode()).hexdigest()

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens."""
        return [
            len(encoding)
            for start in range(0, len(texts), _BATCH)
            for encoding in self._tokenizer.encode_batch_fast(
                list(texts[start : start + _BATCH]), add_special_tokens=False
            )
        ]

    def cut(self, text: str, limit: int) -> str:
        """Return the longest beginning that has at most `limit` tokens; "" for a limit below 1."""
        if limit < 1:
            return ""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if len(encoding) <= limit:
            return text
        kept = text[: encoding.offsets[limit - 1][1]]
        # A character may be several tokens, and a prefix may be tokenised differently from the whole.
        while kept and self.lengths([kept])[0] > limit:
            kept = kept[:-1]
        return kept


def _load(folder: Path) -> tokenizers.Tokenizer:
    import tokenizers

    path = folder / "tokenizer.json"
    if path.is_file():
        return tokenizers.Tokenizer.from_file(str(path))
    absent = f"{folder}: expected a tokenizer. Put tokenizer.json there."
    if not any((folder / name).is_file() for name in _SLOW_FILES):
        raise ModelAbsent(absent)
    from transformers import AutoTokenizer

    try:
        converted = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelAbsent(f"{absent} The other files there don't make one: {error}") from error
    backend: tokenizers.Tokenizer = converted.backend_tokenizer
    return backend
