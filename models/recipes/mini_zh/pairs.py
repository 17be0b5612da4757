"""Training pairs, and the proof that no evaluation text is among them."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_IGNORED = re.compile(r"[\W_]+")
_EVALUATION_FOLDERS = ("general", "tcm-*")


class Pair(NamedTuple):
    """Two texts that mean the same, or a question and its passage."""

    source: str
    query: str
    positive: str


class Corpus(NamedTuple):
    """The pairs that may be trained on, and what was taken out of them."""

    train: tuple[Pair, ...]
    held_back: tuple[Pair, ...]
    """Pairs kept from training for decisions about the recipe: never a test set."""

    read: Mapping[str, int]
    """Pairs in the file, by source."""

    dropped: Mapping[str, int]
    """Pairs that shared a text with an evaluation set, by source."""


def read_corpus(data: Path, *, held_back_per_source: int = 200) -> Corpus:
    """Read the general pairs below ``data``, without any that share a text with an evaluation set."""
    pairs = list(_read_pairs(data / "pretrain" / "general_pairs.jsonl.gz"))
    forbidden = evaluation_fingerprints(data)
    clean = [pair for pair in pairs if not leaks(pair, forbidden)]
    read = Counter(pair.source for pair in pairs)
    dropped = read - Counter(pair.source for pair in clean)
    train, held_back = _hold_back(clean, per_source=held_back_per_source)
    return Corpus(train, held_back, read, dropped)


def fingerprint(text: str) -> str:
    """Return what is left of ``text`` after NFKC, case, white space and punctuation are taken away."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", text)).casefold()


def leaks(pair: Pair, forbidden: frozenset[str]) -> bool:
    """Say whether either text of ``pair`` is a text of an evaluation set."""
    return fingerprint(pair.query) in forbidden or fingerprint(pair.positive) in forbidden


def evaluation_fingerprints(data: Path) -> frozenset[str]:
    """Return the fingerprint of every text of every evaluation set below ``data``, labels and ids included."""
    files = sorted(
        file for pattern in _EVALUATION_FOLDERS for folder in data.glob(pattern) for file in folder.rglob("*.jsonl")
    )
    if not files:
        raise FileNotFoundError(f"{data}: expected evaluation sets in {_EVALUATION_FOLDERS} to check against.")
    found: set[str] = set()
    for file in files:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                found.update(fingerprint(text) for text in _strings(json.loads(line)))
    return frozenset(found - {""})


def _read_pairs(path: Path) -> Iterator[Pair]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield Pair(**json.loads(line))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _hold_back(pairs: Sequence[Pair], *, per_source: int) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Set aside pairs chosen by the hash of their positive, so that a passage is on one side only."""
    ranked = sorted(pairs, key=lambda pair: hashlib.sha256(pair.positive.encode()).digest())
    taken: Counter[str] = Counter()
    chosen: set[str] = set()
    for pair in ranked:
        if taken[pair.source] < per_source:
            taken[pair.source] += 1
            chosen.add(pair.positive)
    train = tuple(pair for pair in pairs if pair.positive not in chosen and pair.query not in chosen)
    return train, tuple(pair for pair in ranked if pair.positive in chosen)
