"""Groups for the reranker: one document that answers, and others that look as if they did."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from models.recipes.mini_zh.batches import Tokens

HARD = 2
"""Negatives of a group that BM25 ranks high; one more is drawn at random."""
_DEPTH = 12
"""Documents that BM25 is asked for."""


class Share(NamedTuple):
    """How one source is drawn for the reranker."""

    weight: float
    """Share of the batches."""

    groups: int
    """Groups in a batch, each of one positive and three negatives."""

    longest: int
    """Tokens of a document that are kept."""


SHARES: Mapping[str, Share] = {
    "drcd-dev": Share(0.32, 8, 96),
    "cmrc-trial": Share(0.25, 8, 96),
    "heading-paragraph": Share(0.20, 12, 64),
    "lcqmc-dev": Share(0.09, 24, 32),
    "afqmc-train": Share(0.08, 24, 32),
    "oppo-dev": Share(0.04, 24, 32),
    "snli-zh": Share(0.04, 16, 32),
}
_LONG = 0.5
"""Share of the passage batches with long documents and fewer groups: what evaluation meets."""
_LONG_FACTOR = 3


class Group(NamedTuple):
    """A query and its documents, the right one first."""

    query: tuple[int, ...]
    documents: tuple[tuple[int, ...], ...]


def mine(pairs: Sequence[Tokens], *, most: int, seed: int) -> list[tuple[Tokens, tuple[int, ...]]]:
    """Return up to ``most`` pairs with the indices of the pairs whose documents BM25 confuses with theirs."""
    import bm25s

    draw = random.Random(seed)
    documents = list(dict.fromkeys(pair.positive for pair in pairs))
    place = {document: number for number, document in enumerate(documents)}
    index = bm25s.BM25()
    index.index([_terms(document) for document in documents], show_progress=False)
    chosen = list(pairs) if len(pairs) <= most else draw.sample(list(pairs), most)
    queries = [_terms(pair.query) for pair in chosen]
    found, _ = index.retrieve(queries, k=min(_DEPTH, len(documents)), show_progress=False)
    right: dict[tuple[int, ...], set[int]] = {}
    for pair in pairs:
        right.setdefault(pair.query, set()).add(place[pair.positive])
    first = {document: number for number, document in reversed(list(enumerate(p.positive for p in pairs)))}
    return [
        (pair, tuple(first[documents[item]] for item in row if item not in right[pair.query]))
        for pair, row in zip(chosen, found.tolist(), strict=True)
    ]


def stream(
    mined: Mapping[str, Sequence[tuple[Tokens, tuple[int, ...]]]],
    everything: Mapping[str, Sequence[Tokens]],
    *,
    seed: int,
) -> Iterator[list[Group]]:
    """Yield batches of groups for ever, one source each."""
    draw = random.Random(seed)
    names = sorted(mined)
    weights = [SHARES[name].weight for name in names]
    while True:
        name = draw.choices(names, weights)[0]
        share = SHARES[name]
        is_long = share.longest > 64 and draw.random() < _LONG
        factor = _LONG_FACTOR if is_long else 1
        chosen = draw.choices(mined[name], k=max(2, share.groups // factor))
        pool = everything[name]
        yield [_group(*one, pool=pool, longest=share.longest * factor, draw=draw) for one in chosen]


def best_window(query: Sequence[int], document: tuple[int, ...], *, longest: int) -> tuple[int, ...]:
    """Return the stretch of ``document`` that shares most tokens with ``query``, the earliest if several do."""
    if len(document) <= longest:
        return document
    wanted = set(query)
    hits = [token in wanted for token in document]
    inside = sum(hits[:longest])
    best, start = inside, 0
    for shift in range(1, len(document) - longest + 1):
        inside += hits[shift + longest - 1] - hits[shift - 1]
        if inside > best:
            best, start = inside, shift
    return document[start : start + longest]


def _group(
    pair: Tokens, confused: Sequence[int], *, pool: Sequence[Tokens], longest: int, draw: random.Random
) -> Group:
    hard = draw.sample(list(confused), min(HARD, len(confused)))
    negatives = [pool[number].positive for number in hard]
    while len(negatives) < HARD + 1:
        other = draw.choice(pool)
        if other.positive != pair.positive and other.query != pair.query:
            negatives.append(other.positive)
    documents = tuple(best_window(pair.query, text, longest=longest) for text in (pair.positive, *negatives))
    return Group(pair.query[:64], documents)


def _terms(tokens: Sequence[int]) -> list[str]:
    """Return tokens and their bigrams: BM25 over single tokens alone confuses too much to be hard."""
    return [str(token) for token in tokens] + [f"{left}_{right}" for left, right in itertools.pairwise(tokens)]
