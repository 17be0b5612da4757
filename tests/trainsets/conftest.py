"""A small folder in our own words, a tokenizer of characters, a model that counts characters."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench import miners
from tcmbench.data.label_map import LabelEntry, LabelMap
from tcmbench.data.tcm_sd import Folder, Record, Syndrome
from tcmbench.specs.base import Base
from tcmbench.store import Store
from tcmbench.trainsets import Context, Requirements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SIGNS = "热寒虚实痰湿风燥火郁滞瘀"


class CharacterTokenizer:
    """One token a character."""

    revision = "characters"
    reserved = 2

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the numbers of characters."""
        return [len(text) for text in texts]

    def cut(self, text: str, limit: int) -> str:
        """Return the first characters."""
        return text[:limit]


class CharacterModel:
    """Vectors that count characters."""

    revision = "counts"

    def embed(self, texts: Sequence[str], *, kind: str) -> NDArray[np.float32]:
        """Return counts."""
        return np.array([[text.count(sign) for sign in _SIGNS] for text in texts], dtype=np.float32)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """An empty store, cheap models, and a trainer with in-batch negatives on one device."""
    return Context(
        store=Store(tmp_path / "store"),
        tokenizer=CharacterTokenizer(),
        requirements=Requirements(loss="infonce", scored=False, in_batch=True, devices=1),
        mining=miners.MiningContext(embedder=lambda _: CharacterModel()),
    )


@pytest.fixture
def base() -> Base:
    """A base with prompts."""
    return Base(
        name="tiny", kind="embedding", path="tiny", query_prompt="问：", document_prompt="文：", instruction="判断"
    )


@pytest.fixture
def folder() -> Folder:
    """Thirty syndromes; 120 records over twelve of them, some with two; s28 is merged with s0."""
    names = [f"{a}{b}证" for a, b in itertools.islice(itertools.combinations(_SIGNS, 2), 30)]
    knowledge = tuple(
        Syndrome(name, name, f"{name}是{name[0]}与{name[1]}。", f"{name[0]}，{name[1]}。", f"病{i}")
        for i, name in enumerate(names)
    )
    rng = np.random.default_rng(0)
    # Frequencies fall as one over rank, as in the real data.
    weights = 1 / np.arange(1, 13)
    drawn = rng.choice(12, size=150, p=weights / weights.sum()).tolist()
    records = []
    for number, label in enumerate(drawn):
        labels = (names[label], names[label + 12]) if number % 10 == 0 else (names[label],)
        text = f"{number}号，{names[label][:2]}。"
        records.append(Record(f"r{number}", f"p{number}", labels, text, text * (number % 5), "", ""))
    label_map = LabelMap({names[28]: LabelEntry(names[0], "MERGE")})
    splits = {"train": tuple(records[:120]), "dev": tuple(records[120:])}
    return Folder(Path("folder"), splits, knowledge, (), label_map, "f" * 64)
