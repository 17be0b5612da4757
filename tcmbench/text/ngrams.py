"""Characters and bigrams as terms: what lexical search over clinical Chinese works with, without a dictionary.

Word segmenters break the names of syndromes and symptoms in unpredictable places; single characters and pairs
do not, need no dictionary and can be counted for many texts at once (`term_counts`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

# CJK unified ideographs with extension A, the compatibility block and the supplementary planes.
_HAN_RANGES = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_HAN = "".join(f"{chr(first)}-{chr(last)}" for first, last in _HAN_RANGES)
_RUNS = re.compile(rf"[{_HAN}]+|[a-z0-9]+")
_WORD = re.compile(r"[a-z0-9]+")
_SPACE = re.compile(r"\s+")

# Texts are counted in blocks of about so many characters: the arrays of a block stay within tens of megabytes.
_BLOCK_CHARACTERS = 1_000_000
_CODE_POINTS = 0x110000


def normalise(text: str) -> str:
    """Return the text in NFKC, lower case, white space as single blanks: equal results mean equal texts."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).lower()).strip()


def char_bigrams(text: str) -> list[str]:
    """Return the terms of a text: the characters and bigrams of each Chinese run, and Latin words and numbers.

    Upper and lower case, full and half width are the same. Of each Chinese run first all characters come,
    then all bigrams; bigrams never reach across punctuation. Text without either gives [].
    """
    terms: list[str] = []
    for run in _RUNS.findall(normalise(text)):
        if run[0] <= "z":
            terms.append(run)
        else:
            terms.extend(run)
            terms.extend(run[i : i + 2] for i in range(len(run) - 1))
    return terms


class _Lookup(NamedTuple):
    """A vocabulary as arrays, for looking up all characters of a block at once."""

    characters: NDArray[np.int32]
    """Term of each code point; -1 where it is none."""

    ranks: NDArray[np.int32]
    """Position of each code point among those that stand in bigrams; -1 elsewhere."""

    bigrams: NDArray[np.int32]
    """Term of each pair of ranks, row by row; -1 where it is none."""

    width: int
    """Number of ranks."""

    words: Mapping[str, int]


def term_counts(texts: Sequence[str], *, vocabulary: Mapping[str, int]) -> csr_matrix:
    """Return how often each known term stands in each text, as `char_bigrams` counts them.

    Args:
        texts: Any texts.
        vocabulary: Term to column, columns from 0 without gaps; other terms are not counted.

    Returns:
        float32 [texts, terms]. 43,180 records of 400 characters take about 3 seconds on one core, an eighth
        of the time of calling `char_bigrams` on each.
    """
    from scipy.sparse import csr_matrix, vstack

    lookup = _lookup(vocabulary)
    blocks = [_count_block(block, lookup, len(vocabulary)) for block in _blocks(texts)]
    return vstack(blocks, format="csr") if blocks else csr_matrix((0, len(vocabulary)), dtype="float32")


def _lookup(vocabulary: Mapping[str, int]) -> _Lookup:
    import numpy as np

    characters = np.full(_CODE_POINTS, -1, dtype=np.int32)
    pairs: list[tuple[int, int, int]] = []
    words: dict[str, int] = {}
    for term, place in vocabulary.items():
        if not term or _WORD.fullmatch(term):
            words[term] = place
        elif len(term) == 1:
            characters[ord(term)] = place
        else:
            pairs.append((ord(term[0]), ord(term[1]), place))
    found = np.array(pairs, dtype=np.int64).reshape(-1, 3)
    in_bigrams = np.unique(found[:, :2])
    ranks = np.full(_CODE_POINTS, -1, dtype=np.int32)
    ranks[in_bigrams] = np.arange(len(in_bigrams), dtype=np.int32)
    width = len(in_bigrams)
    bigrams = np.full(width * width, -1, dtype=np.int32)
    bigrams[ranks[found[:, 0]].astype(np.int64) * width + ranks[found[:, 1]]] = found[:, 2]
    return _Lookup(characters, ranks, bigrams, width, words)


def _blocks(texts: Sequence[str]) -> list[Sequence[str]]:
    blocks: list[Sequence[str]] = []
    start = size = 0
    for position, text in enumerate(texts):
        size += len(text)
        if size >= _BLOCK_CHARACTERS:
            blocks.append(texts[start : position + 1])
            start, size = position + 1, 0
    if start < len(texts):
        blocks.append(texts[start:])
    return blocks


def _count_block(texts: Sequence[str], lookup: _Lookup, terms: int) -> csr_matrix:
    import numpy as np
    from scipy.sparse import coo_matrix

    # A line feed can't stand inside a normalised text, so it tells where one ends.
    joined = "\n".join(normalise(text) for text in texts) + "\n"
    codes = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    rows = np.cumsum(codes == ord("\n"), dtype=np.int32)
    single = lookup.characters[codes]
    ranks = lookup.ranks[codes].astype(np.int64)
    both = np.flatnonzero((ranks[:-1] >= 0) & (ranks[1:] >= 0))
    pairs = lookup.bigrams[ranks[both] * lookup.width + ranks[both + 1]]
    words = [
        (match.start(), column)
        for match in _WORD.finditer(joined)
        if (column := lookup.words.get(match[0])) is not None
    ]
    at, in_words = np.array(words, dtype=np.int64).reshape(-1, 2).T
    row = np.concatenate([rows[single >= 0], rows[both][pairs >= 0], rows[at]])
    # The row of a text is the number of line feeds before it.
    col = np.concatenate([single[single >= 0], pairs[pairs >= 0], in_words.astype(np.int32)])
    ones = np.ones(len(row), dtype=np.float32)
    return coo_matrix((ones, (row, col)), shape=(len(texts), terms)).tocsr()
