"""Batches: one source each, of similar lengths, in the forms the model will meet."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from models.recipes.mini_zh.tokenizer import PAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import torch
    from tokenizers import Tokenizer

    from models.recipes.mini_zh.pairs import Pair

INSTRUCTION = "检索"
QUERY_PROMPT = f"Instruct: {INSTRUCTION}\nQuery:"
CROPS = "crops"
"""The source made from paragraphs alone: two different stretches of one paragraph."""


class Mixture(NamedTuple):
    """How one source is drawn."""

    weight: float
    """Share of the batches."""

    size: int
    """Pairs in a batch."""

    longest: int
    """Tokens of a text that are kept."""

    prompted: float
    """Share of the batches whose queries carry the query prompt."""


MIXTURES: Mapping[str, Mixture] = {
    "classical-modern": Mixture(0.18, 192, 64, 0.3),
    "heading-paragraph": Mixture(0.17, 128, 96, 0.7),
    "drcd-dev": Mixture(0.07, 64, 160, 0.9),
    "cmrc-trial": Mixture(0.05, 64, 160, 0.9),
    "snli-zh": Mixture(0.10, 256, 48, 0.2),
    "afqmc-train": Mixture(0.14, 256, 48, 0.2),
    "ocnli": Mixture(0.04, 192, 48, 0.2),
    "oppo-dev": Mixture(0.05, 256, 48, 0.2),
    "lcqmc-dev": Mixture(0.09, 256, 48, 0.2),
    CROPS: Mixture(0.11, 96, 96, 0.5),
}
_DELETION = 0.1
"""Share of the tokens taken out of a text, in half of the batches: small sources come round many times."""
_POOL = 8
"""Batches that are drawn together and sorted by length."""


class Tokens(NamedTuple):
    """A pair as token ids, without prompt and end."""

    query: tuple[int, ...]
    positive: tuple[int, ...]


class Batch(NamedTuple):
    """Two right-padded sides; row i of one belongs to row i of the other."""

    source: str
    query_ids: torch.Tensor
    query_last: torch.Tensor
    positive_ids: torch.Tensor
    positive_last: torch.Tensor
    same: torch.Tensor
    """Off-diagonal cells whose texts are equal: they are no negatives."""


def tokenise(tokenizer: Tokenizer, pairs: Sequence[Pair]) -> dict[str, list[Tokens]]:
    """Return every source's pairs as token ids, with the paragraphs long enough to crop as a source of their own."""
    queries = tokenizer.encode_batch([pair.query for pair in pairs], add_special_tokens=False)
    positives = tokenizer.encode_batch([pair.positive for pair in pairs], add_special_tokens=False)
    grouped: dict[str, list[Tokens]] = {}
    paragraphs: dict[tuple[int, ...], None] = {}
    for pair, query, positive in zip(pairs, queries, positives, strict=True):
        tokens = Tokens(tuple(query.ids), tuple(positive.ids))
        grouped.setdefault(pair.source, []).append(tokens)
        if pair.source in {"heading-paragraph", "drcd-dev", "cmrc-trial"} and len(tokens.positive) >= 40:
            paragraphs[tokens.positive] = None
    grouped[CROPS] = [Tokens(paragraph, paragraph) for paragraph in paragraphs]
    return grouped


def stream(grouped: Mapping[str, Sequence[Tokens]], *, prompt: Sequence[int], end: int, seed: int) -> Iterator[Batch]:
    """Yield batches for ever; every source is gone through before any of its pairs comes again."""
    draw = random.Random(seed)
    names = sorted(grouped)
    weights = [MIXTURES[name].weight for name in names]
    waiting: dict[str, list[list[Tokens]]] = {name: [] for name in names}
    unseen: dict[str, list[Tokens]] = {name: [] for name in names}
    while True:
        name = draw.choices(names, weights)[0]
        if not waiting[name]:
            waiting[name] = _pool(unseen[name], grouped[name], mixture=MIXTURES[name], draw=draw)
        chosen = waiting[name].pop()
        yield _batch(name, chosen, prompt=prompt, end=end, draw=draw)


def pad(texts: Sequence[Sequence[int]], *, end: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return right-padded ids and the position of each row's closing ``<|endoftext|>``."""
    import torch

    longest = max(len(text) for text in texts) + 1
    ids = torch.full((len(texts), longest), end)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
    return ids, torch.tensor([len(text) for text in texts])


def end_of_text(tokenizer: Tokenizer) -> int:
    """Return the id that ends every text."""
    return token_id(tokenizer, PAD)


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """Return the id of ``token``.

    Raises:
        KeyError: It is not one token of the vocabulary.
    """
    found = tokenizer.token_to_id(token)
    if found is None:
        raise KeyError(f"{token!r} is not one token of the vocabulary")
    return int(found)


def _pool(
    unseen: list[Tokens], everything: Sequence[Tokens], *, mixture: Mixture, draw: random.Random
) -> list[list[Tokens]]:
    if len(unseen) < mixture.size:
        unseen[:] = draw.sample(list(everything), len(everything))
    taken = [unseen.pop() for _ in range(min(len(unseen), mixture.size * _POOL))]
    taken.sort(key=lambda pair: len(pair.query) + min(len(pair.positive), mixture.longest))
    batches = [taken[start : start + mixture.size] for start in range(0, len(taken), mixture.size)]
    full = [batch for batch in batches if 2 * len(batch) >= mixture.size]
    draw.shuffle(full)
    return full


def _batch(name: str, chosen: Sequence[Tokens], *, prompt: Sequence[int], end: int, draw: random.Random) -> Batch:
    import torch

    mixture = MIXTURES[name]
    if name == CROPS:
        chosen = [_two_crops(pair.query, longest=mixture.longest, draw=draw) for pair in chosen]
    elif draw.random() < 0.5 and mixture.prompted < 0.5:
        chosen = [Tokens(pair.positive, pair.query) for pair in chosen]
    before = tuple(prompt) if draw.random() < mixture.prompted else ()
    deletion = _DELETION if draw.random() < 0.5 else 0.0
    queries = [before + _thin(pair.query[: mixture.longest], share=deletion, draw=draw) for pair in chosen]
    positives = [
        _thin(_window(pair.positive, longest=mixture.longest, draw=draw), share=deletion, draw=draw) for pair in chosen
    ]
    same = _equal([pair.query for pair in chosen]) | _equal([pair.positive for pair in chosen])
    same &= ~torch.eye(len(chosen), dtype=torch.bool)
    return Batch(name, *pad(queries, end=end), *pad(positives, end=end), same)


def _equal(texts: Sequence[Sequence[int]]) -> torch.Tensor:
    import torch

    known: dict[Sequence[int], int] = {}
    numbers = torch.tensor([known.setdefault(text, len(known)) for text in texts])
    return numbers[:, None] == numbers[None, :]


def _window(text: tuple[int, ...], *, longest: int, draw: random.Random) -> tuple[int, ...]:
    """Return the beginning of a long text or, half of the time, a stretch from anywhere in it."""
    if len(text) <= longest:
        return text
    start = draw.randrange(len(text) - longest + 1) if draw.random() < 0.5 else 0
    return text[start : start + longest]


def _thin(text: tuple[int, ...], *, share: float, draw: random.Random) -> tuple[int, ...]:
    """Return ``text`` without about ``share`` of its tokens, never empty."""
    if not share:
        return text
    return tuple(token for token in text if draw.random() >= share) or text


def _two_crops(text: tuple[int, ...], *, longest: int, draw: random.Random) -> Tokens:
    """Return a short stretch and a long one; they may overlap."""
    short = draw.randint(6, 24)
    long = draw.randint(min(32, len(text)), min(longest, len(text)))
    starts = [draw.randrange(len(text) - size + 1) for size in (short, long)]
    return Tokens(text[starts[0] : starts[0] + short], text[starts[1] : starts[1] + long])
