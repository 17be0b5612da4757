"""The texts of a training set: with prompts, cut to length, as JSON, each made once however often it is written.

Lines are then put together from these pieces, so that a million of them are written as fast as the disk
takes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import tcmbench.plugins as plugins
from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tcmbench.data.tcm_sd import Syndrome
    from tcmbench.specs.base import Base
    from tcmbench.specs.variant import Variant
    from tcmbench.trainsets import Tokenizer

PLAIN = -1
"""View of a document that isn't augmented."""

# The least that must be left for text beside a prompt; less is a mistake in the recipe.
_FEWEST_TOKENS = 8


class Limits(NamedTuple):
    """Longest texts in tokens, prompts included."""

    query: int
    document: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Some texts after cutting."""

    texts: tuple[bytes, ...]
    """As JSON strings in UTF-8."""

    lengths: tuple[int, ...]
    """In tokens, before cutting."""

    limit: int

    @property
    def truncated(self) -> int:
        """How many were too long."""
        return sum(length > self.limit for length in self.lengths)


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts of a training set."""

    queries: Cut
    """One a record."""

    documents: Cut
    """All views of all documents that are used."""

    places: Mapping[tuple[int, int], int]
    """(document, view) → position in `documents`; a view that is excluded is not in here."""

    views: int
    """Number of views that the augmentation makes, excluded ones counted."""

    def views_of(self, document: int) -> list[int]:
        """Return the views a document is learned in: all that it has, the plain one where it has none."""
        return [view for view in range(self.views) if (document, view) in self.places] or [PLAIN]

    def place(self, document: int, view: int) -> int:
        """Return the position of a document in a view; plain where the document lacks this view."""
        place = self.places.get((document, view))
        return self.places[document, PLAIN] if place is None else place


def make_texts(
    variant: Variant,
    base: Base,
    *,
    queries: Sequence[str],
    knowledge: Sequence[Syndrome],
    used: Iterable[int],
    tokenizer: Tokenizer,
    seed: int,
) -> Texts:
    """Return the texts of a training set.

    A text is cut after its prompt was put before it, as in evaluation. A reranker reads query and document
    together: of the two, the longer is cut first, by one limit for all queries and one for all documents.

    Raises:
        UnknownName: There is no such augmentation.
        SpecError: The augmentation can't take these options, or prompts leave no room for text.
        DataError: A document lacks a field that the augmentation needs.
    """
    views = _views(variant, knowledge, sorted(used), seed=seed)
    places: dict[tuple[int, int], int] = {}
    documents: list[str] = []
    for document, (plain, texts) in views.items():
        for view, text in ((PLAIN, plain), *enumerate(texts)):
            if text is not None:
                places[document, view] = len(documents)
                documents.append(base.document_prompt + text)
    asked = [base.query_prompt + query for query in queries]
    query_lengths, document_lengths = tokenizer.lengths(asked), tokenizer.lengths(documents)
    limits = _limits(variant, base, tokenizer, longest=Limits(max(query_lengths), max(document_lengths, default=0)))
    count = len(next(iter(views.values()))[1]) if views else 0
    return Texts(
        _cut(asked, query_lengths, limits.query, tokenizer),
        _cut(documents, document_lengths, limits.document, tokenizer),
        places,
        count,
    )


def _views(
    variant: Variant, knowledge: Sequence[Syndrome], used: Sequence[int], *, seed: int
) -> dict[int, tuple[str, tuple[str | None, ...]]]:
    """Return the plain text and all views of each document."""
    if variant.augmentation is None:
        return {document: (knowledge[document].document(), ()) for document in used}
    where = f"variant {variant.name}"
    augmentation = plugins.load("augmentations", variant.augmentation.name, where=where)
    options = plugins.options(augmentation, variant.augmentation.options, where=where)
    return {
        document: (
            knowledge[document].document(),
            augmentation.texts(knowledge[document], options=options, seed=seed),
        )
        for document in used
    }


def _limits(variant: Variant, base: Base, tokenizer: Tokenizer, *, longest: Limits) -> Limits:
    room = variant.training.max_length - tokenizer.reserved
    prompts = tokenizer.lengths([base.query_prompt, base.document_prompt, base.instruction])
    if variant.task == "reranker":
        room -= prompts[2]
        query = max(room // 2, room - longest.document)
        limits = Limits(query, room - min(query, longest.query))
    else:
        limits = Limits(room, room)
    if limits.query < prompts[0] + _FEWEST_TOKENS or limits.document < prompts[1] + _FEWEST_TOKENS:
        raise SpecError(
            f"variant {variant.name}: training.max_length {variant.training.max_length} leaves {limits.query} tokens "
            f"for a query with a prompt of {prompts[0]} and {limits.document} for a document with a prompt of "
            f"{prompts[1]}, expected at least {_FEWEST_TOKENS} beside the prompt. Raise max_length."
        )
    return limits


def _cut(texts: Sequence[str], lengths: Sequence[int], limit: int, tokenizer: Tokenizer) -> Cut:
    kept = (tokenizer.cut(text, limit) if length > limit else text for text, length in zip(texts, lengths, strict=True))
    return Cut(tuple(json.dumps(text, ensure_ascii=False).encode() for text in kept), tuple(lengths), limit)
