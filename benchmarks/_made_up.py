"""Synthetic texts with the shape of TCM-SD, for the benchmarks of training sets.

43,180 records of about 400 characters, 1,027 entries of about 370, 148 syndromes with long-tailed frequencies.
Phrases of two to five characters are drawn with frequencies that fall as one over rank, as words do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tcmbench.data.tcm_sd import Folder, Record, Syndrome

RECORDS, DOCUMENTS, LABELS = 43_180, 1_027, 148
_CHARACTERS, _PHRASES = 2_000, 8_000
_FIRST_CHARACTER = 0x4E00


class Writer:
    """Draws texts."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        characters = np.array([chr(_FIRST_CHARACTER + 7 * i) for i in range(_CHARACTERS)])
        drawn = self._rng.choice(_CHARACTERS, size=(_PHRASES, 5), p=_falling(_CHARACTERS))
        lengths = self._rng.integers(2, 6, size=_PHRASES)
        self._phrases = ["".join(characters[row[:n]]) for row, n in zip(drawn, lengths, strict=True)]
        self._frequencies = _falling(_PHRASES)

    def texts(self, count: int, *, phrases: int) -> list[str]:
        """Return texts with the given numbers of phrases, separated by commas and full stops."""
        drawn = self._rng.choice(_PHRASES, size=(count, phrases), p=self._frequencies)
        return ["，".join(self._phrases[i] for i in row) + "。" for row in drawn.tolist()]

    def labels(self, count: int) -> list[int]:
        """Return labels with frequencies that fall as one over rank."""
        found: list[int] = self._rng.choice(LABELS, size=count, p=_falling(LABELS)).tolist()
        return found


def folder(*, records: int = RECORDS, seed: int = 0) -> Folder:
    """Return a folder of synthetic records, train split only."""
    writer = Writer(seed)
    names = [f"证{i}" for i in range(DOCUMENTS)]
    parts = [writer.texts(DOCUMENTS, phrases=n) for n in (12, 20, 45)]
    knowledge = tuple(Syndrome(n, n, a, b, c) for n, a, b, c in zip(names, *parts, strict=True))
    texts = [writer.texts(records, phrases=n) for n in (4, 40, 40)]
    made = tuple(
        Record(f"r{i}", f"p{i}", (names[label],), a, b, c, "")
        for i, (label, a, b, c) in enumerate(zip(writer.labels(records), *texts, strict=True))
    )
    return Folder(Path("made-up"), {"train": made}, knowledge, (), None, f"made-up-{records}-{seed}")


def _falling(count: int) -> np.ndarray:
    weights: np.ndarray = 1 / np.arange(1, count + 1)
    return np.asarray(weights / weights.sum())
