"""A small corpus in our own words, and a model that costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.miners import Corpus, MiningContext, Queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SIGNS = "热寒虚实痰湿风燥火郁滞瘀阴阳气血津液心肝脾肺肾胃"


class CharacterModel:
    """Vectors that count characters: texts that share many are near."""

    revision = "characters"

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def embed(self, texts: Sequence[str], *, kind: str) -> NDArray[np.float32]:
        """Return normalised counts."""
        self.calls.append((kind, len(texts)))
        counts = np.array([[text.count(sign) + 0.01 for sign in _SIGNS] for text in texts], dtype=np.float32)
        vectors: NDArray[np.float32] = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return vectors


@pytest.fixture
def model() -> CharacterModel:
    """A model that remembers how often it was called."""
    return CharacterModel()


@pytest.fixture
def context(model: CharacterModel) -> MiningContext:
    """What miners may use."""
    return MiningContext(embedder=lambda _: model)


@pytest.fixture
def corpus() -> Corpus:
    """Forty documents, two of the same text, two that the label map merges, and a copy of one of those."""
    rng = np.random.default_rng(3)
    texts = ["".join(_SIGNS[i] for i in rng.choice(len(_SIGNS), 8)) for _ in range(40)]
    texts[11] = texts[10] + " "
    texts[22] = texts[21] + " "
    merged = {"d20": frozenset({"d20", "d21"}), "d21": frozenset({"d20", "d21"})}
    return Corpus(tuple(f"d{i}" for i in range(40)), tuple(texts), merged)


@pytest.fixture
def queries(corpus: Corpus) -> Queries:
    """Thirty queries, each near to its positives; every third has two."""
    rng = np.random.default_rng(4)
    positives, texts = [], []
    for number in range(30):
        first = number
        chosen = [first, (first + 7) % 40] if number % 3 == 0 else [first]
        positives.append(frozenset(f"d{i}" for i in chosen))
        texts.append(corpus.texts[first][:6] + _SIGNS[rng.integers(len(_SIGNS))])
    return Queries(tuple(f"q{i}" for i in range(30)), tuple(texts), tuple(positives))
