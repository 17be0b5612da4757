"""Characters and bigrams as terms, for lexical search over clinical Chinese without a dictionary.

Word segmenters split the names of syndromes and symptoms inconsistently; characters and bigrams need no dictionary and
can be counted for many texts at once (`Terms.occurrences`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

# CJK unified ideographs with extension A, the compatibility block and the supplementary planes.
_HAN_RANGES = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_HAN = "".join(f"{chr(first)}-{chr(last)}" for first, last in _HAN_RANGES)
_RUNS = re.compile(rf"[{_HAN}]+|[a-z0-9]+")
_WORD = re.compile(rb"[a-z0-9]+")
_SPACE = re.compile(r"\s+")

# Upper case and full width only: NFKC took half of the time of counting, and its other changes are rare in clinical
# text.
_WORD_CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FULL_WIDTH = 0xFEE0
_FOLD = {ord(c.upper()): ord(c) for c in _WORD_CHARACTERS} | {
    ord(form) + _FULL_WIDTH: ord(c) for c in _WORD_CHARACTERS for form in (c, c.upper())
}

# Characters per block: the arrays of a block stay within tens of megabytes.
_BLOCK_CHARACTERS = 1_000_000
_CODE_POINTS = 0x110000


def normalise(text: str) -> str:
    """Return the text in NFKC and lower case, with white space as single blanks, for comparing texts."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).lower()).strip()


def char_bigrams(text: str) -> list[str]:
    """Return the terms of a text: characters and bigrams of each Chinese run, and Latin words and numbers.

    Upper and lower case, full and half width are the same. Of each Chinese run first all characters come, then
    all bigrams; bigrams never reach across punctuation. Text without either gives [].
    """
    terms: list[str] = []
    for run in _RUNS.findall(text.translate(_FOLD)):
        if run[0] <= "z":
            terms.append(run)
        else:
            terms.extend(run)
            terms.extend(run[i : i + 2] for i in range(len(run) - 1))
    return terms


def shared_terms(texts: Iterable[str], split: Callable[[str], list[str]] = char_bigrams) -> list[list[str]]:
    """Return the terms of every text, with one object for all occurrences of a term: a tenth of the memory.

    Args:
        texts: The texts.
        split: Returns the terms of a text.
    """
    known: dict[str, str] = {}
    return [[known.setdefault(term, term) for term in split(text)] for text in texts]


class Terms:
    """A vocabulary, for finding its terms in many texts at once."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        """Index it.

        Args:
            vocabulary: Term, as `char_bigrams` gives them, to its number; numbers from 0 without gaps.
        """
        self.size = len(vocabulary)
        self._lookup = _lookup(vocabulary)

    def occurrences(self, texts: Sequence[str]) -> Occurrences:
        """Return the occurrences of known terms, as `char_bigrams` counts them, sorted by text."""
        import numpy as np

        parts = [_occurrences(texts[start:end], self._lookup, first=start) for start, end in _blocks(texts)] or [
            Occurrences(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32))
        ]
        return Occurrences(np.concatenate([part.text for part in parts]), np.concatenate([part.term for part in parts]))


class Occurrences(NamedTuple):
    """Terms in texts; the two arrays are parallel."""

    text: NDArray[np.int32]
    """Position of the text, ascending."""

    term: NDArray[np.int32]
    """Number of the term."""


class _Lookup(NamedTuple):
    """A vocabulary as arrays, for looking up all characters of a block at once."""

    characters: NDArray[np.int32]
    """Term of each code point; -1 where it is none."""

    ranks: NDArray[np.int32]
    """Position of each code point among those of bigrams; -1 elsewhere."""

    bigrams: NDArray[np.int32]
    """Term of each pair of ranks, row by row; -1 where it is none."""

    width: int
    """Number of ranks."""

    letters: NDArray[np.uint8]
    """Latin letter or digit that each code point counts as; 0 for all else."""

    words: Mapping[bytes, int]


def _lookup(vocabulary: Mapping[str, int]) -> _Lookup:
    import numpy as np

    characters = np.full(_CODE_POINTS, -1, dtype=np.int32)
    pairs: list[tuple[int, int, int]] = []
    words: dict[bytes, int] = {}
    for term, place in vocabulary.items():
        if term.isascii():
            words[term.encode()] = place
        elif len(term) == 1:
            characters[ord(term)] = place
        else:
            pairs.append((ord(term[0]), ord(term[1]), place))
    table = np.array(pairs, dtype=np.int64).reshape(-1, 3)
    in_bigrams = np.unique(table[:, :2])
    ranks = np.full(_CODE_POINTS, -1, dtype=np.int32)
    ranks[in_bigrams] = np.arange(len(in_bigrams), dtype=np.int32)
    width = len(in_bigrams)
    bigrams = np.full(width * width, -1, dtype=np.int32)
    bigrams[ranks[table[:, 0]].astype(np.int64) * width + ranks[table[:, 1]]] = table[:, 2]
    letters = np.zeros(_CODE_POINTS, dtype=np.uint8)
    for character in _WORD_CHARACTERS:
        letters[ord(character)] = ord(character)
    for code, character_code in _FOLD.items():
        letters[code] = character_code
    return _Lookup(characters, ranks, bigrams, width, letters, words)


def _blocks(texts: Sequence[str]) -> list[tuple[int, int]]:
    blocks: list[tuple[int, int]] = []
    start = size = 0
    for position, text in enumerate(texts):
        size += len(text)
        if size >= _BLOCK_CHARACTERS or position == len(texts) - 1:
            blocks.append((start, position + 1))
            start, size = position + 1, 0
    return blocks


def _occurrences(texts: Sequence[str], lookup: _Lookup, *, first: int) -> Occurrences:
    import numpy as np

    # A line feed between texts, so that no term spans two.
    joined = "\n".join((*texts, ""))
    codes = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    rows = np.repeat(np.arange(first, first + len(texts), dtype=np.int32), [len(text) + 1 for text in texts])
    single = lookup.characters[codes]
    ranks = lookup.ranks[codes].astype(np.int64)
    both = np.flatnonzero((ranks[:-1] >= 0) & (ranks[1:] >= 0))
    pairs = lookup.bigrams[ranks[both] * lookup.width + ranks[both + 1]]
    words = [
        (match.start(), number)
        for match in _WORD.finditer(lookup.letters[codes].tobytes())
        if (number := lookup.words.get(match[0])) is not None
    ]
    at, in_words = np.array(words, dtype=np.int32).reshape(-1, 2).T
    row = np.concatenate([rows[single >= 0], rows[both[pairs >= 0]], rows[at]])
    term = np.concatenate([single[single >= 0], pairs[pairs >= 0], in_words])
    order = np.argsort(row, kind="stable")
    return Occurrences(row[order], term[order])
