"""Texts that are exact or near copies of one another.

Exact copies are equal after normalisation (case, width, punctuation and space don't count). Near copies share
at least a threshold of their character trigrams (Jaccard index). Comparing all pairs of 54,152 records would
take days, so candidates come from MinHash signatures cut into bands; each candidate is then compared exactly,
so there are no false positives, and one in a thousand pairs at the threshold is missed.

Signatures are one-permutation MinHash (Li, Owen, Zhang, "One Permutation Hashing", NIPS 2012), empty bins
filled from a pseudo-random full one (Shrivastava, "Optimal Densification for Fast and Accurate Minwise
Hashing", ICML 2017).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

DEFAULT_THRESHOLD = 0.8

_SHINGLE = 3
_BINS = 128
_SHARE_MISSED = 1e-3
_BLOCK_CHARACTERS = 1 << 22
_BLOCK_PAIRS = 1 << 16

# Tolerance of a pair's signature similarity before it is discarded without comparison: four standard deviations.
_SLACK = 0.15

# Where very many texts fall in one bucket (similar forms), each is compared with this many of them.
_MOST_PER_BUCKET = 100


class NearPair(NamedTuple):
    """Two different texts that share most of their trigrams."""

    left: int
    """Position of the first text."""

    right: int
    """Position of the second text (in the second collection, where there are two)."""

    similarity: float
    """Jaccard index of their trigram sets."""


@dataclass(frozen=True)
class ComparedTexts:
    """Texts prepared for comparison, once for any number of comparisons."""

    forms: tuple[str, ...]
    """The distinct non-empty normal forms, in order of first occurrence."""

    positions: tuple[tuple[int, ...], ...]
    """Positions of each form, ascending."""

    @cached_property
    def signatures(self) -> NDArray[np.uint64]:
        """MinHash signature of each form, from `_signatures`."""
        return _signatures(self.forms)


def prepare(texts: Iterable[str]) -> ComparedTexts:
    """Return the texts prepared for comparison; those with an empty normal form have no copies."""
    positions: dict[str, list[int]] = {}
    for position, text in enumerate(texts):
        positions.setdefault(normal_form(text), []).append(position)
    positions.pop("", None)
    return ComparedTexts(tuple(positions), tuple(map(tuple, positions.values())))


def normal_form(text: str) -> str:
    """Return the text without case, width, punctuation or space: equal for exact copies."""
    return unicodedata.normalize("NFC", text).translate(_FOLDED)


def exact_groups(texts: ComparedTexts) -> tuple[tuple[int, ...], ...]:
    """Return the positions of texts that are exact copies of one another, by first occurrence."""
    return tuple(group for group in texts.positions if len(group) > 1)


def exact_matches(left: ComparedTexts, right: ComparedTexts) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Return, for each text in both collections, its positions in the left and in the right one."""
    where = dict(zip(right.forms, right.positions, strict=True))
    pairs = zip(left.forms, left.positions, strict=True)
    return tuple((positions, where[form]) for form, positions in pairs if form in where)


def near_pairs(texts: ComparedTexts, *, threshold: float = DEFAULT_THRESHOLD) -> tuple[NearPair, ...]:
    """Return the pairs of near copies within a collection, by position, left < right.

    Exact copies count as one text, the first of them, and not as near copies of one another.
    """
    candidates = _join_within(texts.signatures, rows=_rows_per_band(threshold))
    return _verified(texts, texts, candidates, threshold=threshold)


def near_matches(
    left: ComparedTexts, right: ComparedTexts, *, threshold: float = DEFAULT_THRESHOLD
) -> tuple[NearPair, ...]:
    """Return the pairs of near copies across two collections, by position in each.

    Exact copies within a collection count as one text, the first of them; exact copies across are excluded.
    """
    if not left.forms or not right.forms:
        return ()
    candidates = _join_across(left.signatures, right.signatures, rows=_rows_per_band(threshold))
    return _verified(left, right, candidates, threshold=threshold)


class _Folding(dict[int, str]):
    """Normalised form of each character, computed on first use.

    A table is three times as fast as normalising and filtering each text (54,152 records: 2 s, not 6).
    """

    def __missing__(self, code: int) -> str:
        folded = unicodedata.normalize("NFKC", chr(code)).casefold()
        self[code] = result = "".join(filter(str.isalnum, folded))
        return result


_FOLDED = _Folding()


@lru_cache(maxsize=4096)
def shingles(form: str) -> frozenset[str]:
    """Return the trigrams of a normal form; a shorter one is its own single shingle."""
    if not form:
        return frozenset()
    return frozenset(form[i : i + _SHINGLE] for i in range(max(1, len(form) - _SHINGLE + 1)))


def _jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared) if shared else 0.0


def _rows_per_band(threshold: float) -> int:
    """Return the largest number of rows per band that keeps the promised miss rate at the threshold."""
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold: expected more than 0 and at most 1, got {threshold}")
    rows = 1
    while rows < _BINS and (1 - threshold ** (rows + 1)) ** (_BINS // (rows + 1)) <= _SHARE_MISSED:
        rows += 1
    return rows


def _signatures(forms: Sequence[str]) -> NDArray[np.uint64]:
    """Return `_BINS` hash values per text; the share of equal bins of two texts estimates their Jaccard index."""
    import numpy as np

    signatures = np.empty((len(forms), _BINS), dtype=np.uint64)
    for start, stop in _blocks(forms):
        signatures[start:stop] = _densified(_sparse_signatures(forms[start:stop]))
    return signatures


def _blocks(forms: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = characters = 0
    for position, form in enumerate(forms):
        characters += len(form)
        if characters > _BLOCK_CHARACTERS:
            yield start, position + 1
            start, characters = position + 1, 0
    if start < len(forms):
        yield start, len(forms)


def _sparse_signatures(forms: Sequence[str]) -> NDArray[np.uint64]:
    """Return the least hash of each text's trigrams in each bin, the largest value where a bin is empty."""
    import numpy as np

    padded = [form.ljust(_SHINGLE, "\0") for form in forms]
    codes = np.frombuffer("".join(padded).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    owners = np.repeat(np.arange(len(padded)), lengths)
    # Three code points of 21 bits fill one 64-bit word: distinct trigrams, distinct words.
    words = codes[:-2] | (codes[1:-1] << np.uint64(21)) | (codes[2:] << np.uint64(42))
    inside = owners[:-2] == owners[2:]
    hashes, owners = _mixed(words[inside]), owners[:-2][inside]
    bins = (hashes >> np.uint64(57)).astype(np.int64)
    signatures = np.full(len(padded) * _BINS, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(signatures, owners * _BINS + bins, hashes)
    return signatures.reshape(len(padded), _BINS)


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return splitmix64 of each word (Steele, Lea, Flood 2014): a bijection, so no two trigrams collide."""
    import numpy as np

    mixed = words + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _densified(sparse: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the signatures with each empty bin filled from the first full one in the bin's own order."""
    import numpy as np

    empty_value = np.iinfo(np.uint64).max
    orders = _orders()
    dense = sparse.copy()
    rows, columns = np.nonzero(sparse == empty_value)
    for attempt in range(_BINS):
        if not rows.size:
            break
        values = sparse[rows, orders[columns, attempt]]
        full = values != empty_value
        dense[rows[full], columns[full]] = values[full]
        rows, columns = rows[~full], columns[~full]
    return dense


@lru_cache(maxsize=1)
def _orders() -> NDArray[np.int64]:
    """Return, for each bin, the order in which the others are searched for a value; always the same."""
    import numpy as np

    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(_BINS) for _ in range(_BINS)])


def _bands(signatures: NDArray[np.uint64], *, rows: int) -> Iterator[NDArray[np.uint64]]:
    import numpy as np

    for start in range(0, _BINS - rows + 1, rows):
        bucket = np.zeros(len(signatures), dtype=np.uint64)
        for column in range(start, start + rows):
            bucket = _mixed(bucket ^ signatures[:, column])
        yield bucket


def _join_within(signatures: NDArray[np.uint64], *, rows: int) -> NDArray[np.int64]:
    """Return the candidate pairs (n, 2) that share a bucket in some band, each once, left < right."""
    import numpy as np

    codes = np.empty(0, dtype=np.int64)
    for buckets in _bands(signatures, rows=rows):
        order = np.argsort(buckets, kind="stable")
        ranked = buckets[order]
        found = [codes]
        for step in range(1, min(_MOST_PER_BUCKET + 1, len(order))):
            same = ranked[:-step] == ranked[step:]
            if not same.any():
                break
            # A stable sort keeps positions ascending within a bucket, so left < right.
            found.append(order[:-step][same] * len(order) + order[step:][same])
        codes = np.unique(np.concatenate(found))
    return _decoded(codes, len(signatures))


def _join_across(left: NDArray[np.uint64], right: NDArray[np.uint64], *, rows: int) -> NDArray[np.int64]:
    """Return the candidate pairs (n, 2) that share a bucket in some band, each once."""
    import numpy as np

    codes = np.empty(0, dtype=np.int64)
    for ours, theirs in zip(_bands(left, rows=rows), _bands(right, rows=rows), strict=True):
        order = np.argsort(theirs, kind="stable")
        first = np.searchsorted(theirs[order], ours, side="left")
        last = np.searchsorted(theirs[order], ours, side="right")
        found = [codes]
        for step in range(_MOST_PER_BUCKET):
            hits = np.nonzero(first + step < last)[0]
            if not hits.size:
                break
            found.append(hits * len(right) + order[first[hits] + step])
        codes = np.unique(np.concatenate(found))
    return _decoded(codes, len(right))


def _decoded(codes: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    import numpy as np

    return np.stack(np.divmod(codes, max(width, 1)), axis=1)


def _verified(
    left: ComparedTexts, right: ComparedTexts, candidates: NDArray[np.int64], *, threshold: float
) -> tuple[NearPair, ...]:
    """Return the candidates whose exact similarity reaches the threshold, as positions, sorted."""
    pairs = []
    for start in range(0, len(candidates), _BLOCK_PAIRS):
        block = candidates[start : start + _BLOCK_PAIRS]
        alike = (left.signatures[block[:, 0]] == right.signatures[block[:, 1]]).mean(axis=1)
        for a, b in block[alike >= threshold - _SLACK].tolist():
            if left.forms[a] == right.forms[b]:
                continue
            similarity = _jaccard(shingles(left.forms[a]), shingles(right.forms[b]))
            if similarity >= threshold:
                pairs.append(NearPair(left.positions[a][0], right.positions[b][0], similarity))
    return tuple(sorted(pairs))
