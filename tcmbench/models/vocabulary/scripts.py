"""Which pieces belong to Chinese text, by the scripts of their letters."""

from __future__ import annotations

import functools
import unicodedata
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_HAN = frozenset({"CJK", "IDEOGRAPHIC"})
_LATIN = frozenset({"LATIN", "FULLWIDTH"})
_SINGLE = frozenset({"GREEK", "CYRILLIC", "HIRAGANA", "KATAKANA", "BOPOMOFO", "COMBINING", "VARIATION", "MODIFIER"})
"""Scripts whose single letters occur in Chinese text: α, の, ㄅ, the selector of an emoji."""


class PieceKind(Enum):
    """Kind of a piece."""

    CHINESE = auto()
    """Han, punctuation, digits, symbols, and single letters of scripts that occur in Chinese text."""

    LATIN = auto()
    """Several Latin letters."""

    OTHER = auto()
    """Words of other scripts."""


def kind_of(text: str) -> PieceKind:
    """Return the kind of a piece by its text, without marks of the tokenizer."""
    letters = {_script(character) for character in text if unicodedata.category(character)[0] in "LM"}
    if letters <= _HAN or (letters & _HAN and letters <= _HAN | _LATIN):
        return PieceKind.CHINESE
    if len(text) == 1 and letters <= _LATIN | _SINGLE:
        return PieceKind.CHINESE
    return PieceKind.LATIN if letters <= _LATIN else PieceKind.OTHER


def has_han(texts: Iterable[str]) -> list[bool]:
    """Return for each text whether it has a Han character."""
    return [any(_script(character) in _HAN for character in text) for text in texts]


@functools.lru_cache(maxsize=1 << 16)
def _script(character: str) -> str:
    """Return the first word of a character's name, which is that of its script."""
    return unicodedata.name(character, "").partition(" ")[0]
