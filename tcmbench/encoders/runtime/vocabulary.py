"""Refuse models without a vocabulary: transformers would build a tokenizer of special tokens alone.

Every text is then the same few tokens, and the scores are those of no model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from pathlib import Path


def require_vocabulary(tokenizer: Any, model_dir: Path) -> None:
    """Check that the tokenizer of transformers has more than special tokens; others are not looked at.

    Raises:
        ModelAbsent: It has none.
    """
    special = getattr(tokenizer, "all_special_tokens", None)
    if special is not None and set(tokenizer.get_vocab()) <= set(special):
        raise absent(model_dir)


def absent(model_dir: Path) -> ModelAbsent:
    """Return the error of a folder without the files of a vocabulary."""
    return ModelAbsent(
        f"{model_dir}: expected the vocabulary of the tokenizer (tokenizer.json, vocab.txt, vocab.json with merges.txt "
        "or a file of SentencePiece), got none. Copy the tokenizer's files of the model that it was trained from."
    )
