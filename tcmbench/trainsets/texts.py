"""The texts of a training set: with prompts, cut to length, as JSON."""

from __future__ import annotations

import functools
import json
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.errors import SpecError
from tcmbench.trainsets.pairs import augmentation_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tcmbench.data.tcm_sd import Syndrome
    from tcmbench.specs.base import Base
    from tcmbench.specs.variant import Variant
    from tcmbench.trainsets import Tokenizer
    from tcmbench.trainsets.pairs import Pairs

PLAIN = -1
"""View of a document that isn't augmented."""

# Tokens that must be left for text next to a prompt; fewer are a mistake in the recipe.
_FEWEST_TOKENS = 8


class Cutter:
    """Texts that are cut to the length that a line leaves them."""

    def __init__(self, texts: Sequence[str], tokenizer: Tokenizer) -> None:
        self.lengths = tuple(tokenizer.lengths(texts))
        """In tokens, before cutting."""

        self._texts = tuple(texts)
        self._tokenizer = tokenizer

    def piece(self, position: int, limit: int) -> bytes:
        """Return a text of at most `limit` tokens as a JSON string in UTF-8."""
        text = self._texts[position]
        if limit < self.lengths[position]:
            text = self._tokenizer.cut(text, limit)
        return json.dumps(text, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts of a training set."""

    queries: Cutter
    """One per record."""

    documents: Cutter
    """All views of all documents in use."""

    query_limits: tuple[int, ...]
    """Per record: most tokens of its query."""

    document_limits: tuple[int, ...]
    """Per record: most tokens of a document next to it."""

    places: Mapping[tuple[int, int], int]
    """(document, view) → position in `documents`; a view that is excluded is not in here."""

    views: int
    """Number of views of the augmentation, including excluded ones."""

    def common_views(self, groups: Iterable[Sequence[int]]) -> list[list[int]]:
        """Return for each group of documents the views that all of them have; the plain one where there is none.

        All documents of a line have the same view: a plain negative among others could be recognised by its form.
        """
        masks: dict[int, int] = {}
        for document, view in self.places:
            masks[document] = masks.get(document, 0) | (0 if view == PLAIN else 1 << view)
        unpacked: dict[int, list[int]] = {0: [PLAIN]}
        views = []
        for group in groups:
            mask = functools.reduce(operator.and_, (masks[document] for document in group))
            if mask not in unpacked:
                unpacked[mask] = [view for view in range(self.views) if mask >> view & 1]
            views.append(unpacked[mask])
        return views

    def has(self, document: int, view: int) -> bool:
        """Return whether a document has a view; every document in use has the plain one."""
        return (document, view) in self.places

    def place(self, document: int, view: int) -> int:
        """Return the position of a document in a view; the plain one where it lacks this view."""
        place = self.places.get((document, view))
        return self.places[document, PLAIN] if place is None else place


def make_texts(
    variant: Variant, base: Base, pairs: Pairs, *, used: Iterable[int], tokenizer: Tokenizer, seed: int
) -> Texts:
    """Return the texts of a training set.

    A text is cut together with its prompt, as in evaluation. A reranker reads query and document together: the query
    may use what its longest document leaves, at least half; documents get the rest. Both also keep to their own
    maximum.

    Raises:
        UnknownName: There is no such augmentation.
        SpecError: The augmentation can't take these options or gives no view, or prompts leave no room for text.
        DataError: A document lacks a field that the augmentation needs.
    """
    views = _views(variant, pairs.knowledge, sorted(used), seed=seed)
    _refuse_no_views(variant, views, positives=(pair.positive for pair in pairs.pairs))
    places: dict[tuple[int, int], int] = {}
    documents: list[str] = []
    for document, (plain, texts) in views.items():
        for view, text in ((PLAIN, plain), *enumerate(texts)):
            if text is not None:
                places[document, view] = len(documents)
                documents.append(base.document_prompt + text)
    of_queries = Cutter([base.query_prompt + record.query() for record in pairs.records], tokenizer)
    of_documents = Cutter(documents, tokenizer)
    room = rooms_of(variant, base, tokenizer)
    query_limits: tuple[int, ...] = (room.query,) * len(pairs.records)
    document_limits: tuple[int, ...] = (room.document,) * len(pairs.records)
    if variant.task == "reranker":
        longest = [0] * len(pairs.records)
        for pair in pairs.pairs:
            document = max(of_documents.lengths[places[d, PLAIN]] for d in (pair.positive, *pair.negatives))
            longest[pair.record] = max(longest[pair.record], min(document, room.document))
        query_limits = tuple(min(room.query, max(room.pair // 2, room.pair - length)) for length in longest)
        document_limits = tuple(
            min(room.document, room.pair - min(limit, length))
            for limit, length in zip(query_limits, of_queries.lengths, strict=True)
        )
    count = len(next(iter(views.values()))[1]) if views else 0
    return Texts(of_queries, of_documents, query_limits, document_limits, places, count)


def _views(
    variant: Variant, knowledge: Sequence[Syndrome], used: Sequence[int], *, seed: int
) -> dict[int, tuple[str, tuple[str | None, ...]]]:
    """Return the plain text and all views of each document."""
    augmentation = augmentation_of(variant)
    if augmentation is None:
        return {document: (knowledge[document].document(), ()) for document in used}
    return {
        document: (
            knowledge[document].document(),
            augmentation.module.texts(knowledge[document], options=augmentation.options, seed=seed),
        )
        for document in used
    }


def _refuse_no_views(
    variant: Variant, views: Mapping[int, tuple[str, tuple[str | None, ...]]], *, positives: Iterable[int]
) -> None:
    """Refuse an augmentation without a view of any positive."""
    if variant.augmentation is not None and not any(
        text is not None for positive in positives for text in views[positive][1]
    ):
        raise SpecError(
            f"variant {variant.name}: augmentation {variant.augmentation.name} gives no view of any positive: with "
            'missing = "exclude" every view that needs a missing field is left out. Name the fields that the knowledge '
            "base has in the augmentation's options, or take the augmentation out."
        )


class Rooms(NamedTuple):
    """Most tokens of text, prompts included and without those of the template."""

    query: int
    document: int

    pair: int
    """Of query and document together; only for a reranker."""


def rooms_of(variant: Variant, base: Base, tokenizer: Tokenizer) -> Rooms:
    """Return the most tokens of each part.

    Raises:
        SpecError: One leaves no room for text beside its prompt.
    """
    query, document, instruction = tokenizer.lengths([base.query_prompt, base.document_prompt, base.instruction])
    training = variant.training
    if variant.task == "reranker":
        pair = training.max_length - tokenizer.reserved - instruction
        _refuse_no_room(variant, "max_length", pair, prompt=max(query, document), parts=2)
        rooms = Rooms(min(training.longest_query, pair), min(training.longest_document, pair), pair)
    else:
        rooms = Rooms(training.longest_query - tokenizer.reserved, training.longest_document - tokenizer.reserved, 0)
    for part, room, prompt in (("query", rooms.query, query), ("document", rooms.document, document)):
        field = f"{part}_max_length"
        _refuse_no_room(variant, field if getattr(training, field) else "max_length", room, prompt=prompt)
    return rooms


def _refuse_no_room(variant: Variant, field: str, room: int, *, prompt: int, parts: int = 1) -> None:
    if room < (prompt + _FEWEST_TOKENS) * parts:
        raise SpecError(
            f"variant {variant.name}: training.{field} {getattr(variant.training, field)} leaves {room} tokens, "
            f"expected at least {_FEWEST_TOKENS} in addition to a prompt of {prompt}"
            f"{' for each of query and document' if parts > 1 else ''}. Raise {field}."
        )
