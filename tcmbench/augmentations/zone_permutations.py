"""Documents with the clauses inside their fields in other orders: N variants of each.

The order in which an entry lists signs has no clinical meaning, and records list them in other orders.
"""

from __future__ import annotations

import dataclasses
import random
import re
from typing import TYPE_CHECKING

from pydantic import Field

from tcmbench.augmentations import AugmentationOptions, complain
from tcmbench.data.tcm_sd import EntryField

if TYPE_CHECKING:
    from tcmbench.data.tcm_sd import Syndrome

REVISION = "1"

_CLAUSE_ENDS = re.compile(r"([，,；;。！？!?\n]+)")
_SENTENCE_ENDS = re.compile(r"([；;。！？!?\n]+)")

# Draws per variant, until one differs from the earlier ones.
_ATTEMPTS = 20


class Options(AugmentationOptions):
    """Number of variants, and the zones that are permuted."""

    count: int = Field(default=4, ge=1, le=10_000)
    """Variants of each document."""

    clauses: tuple[EntryField, ...] = ("manifestations",)
    """Zones whose clauses are permuted (split at commas and at the ends of sentences)."""

    sentences: tuple[EntryField, ...] = ("definition",)
    """Zones whose sentences are permuted."""


def texts(syndrome: Syndrome, *, options: Options, seed: int) -> tuple[str | None, ...]:
    """Return `options.count` variants of the document, different from it and from each other.

    Punctuation stays in place; the text between it is permuted. Where a document has too few clauses for `count`
    different variants, the rest are None.

    Raises:
        DataError: The document lacks a zone and `missing` is "error".
    """
    zones = (*options.clauses, *options.sentences)
    lacking = [zone for zone in zones if not getattr(syndrome, zone)]
    if lacking:
        complain(syndrome, lacking, options=options)
        return (None,) * options.count
    rng = random.Random(f"{seed}\n{syndrome.doc_id}")
    seen = {syndrome.document()}
    variants: list[str | None] = []
    for _ in range(options.count):
        variant = _fresh(syndrome, options, rng, seen)
        variants.append(variant)
        if variant is not None:
            seen.add(variant)
    return tuple(variants)


def _fresh(syndrome: Syndrome, options: Options, rng: random.Random, seen: set[str]) -> str | None:
    for _ in range(_ATTEMPTS):
        changed = {zone: _permuted(getattr(syndrome, zone), _CLAUSE_ENDS, rng) for zone in options.clauses}
        changed |= {zone: _permuted(getattr(syndrome, zone), _SENTENCE_ENDS, rng) for zone in options.sentences}
        variant = dataclasses.replace(syndrome, **changed).document()
        if variant not in seen:
            return variant
    return None


def _permuted(text: str, ends: re.Pattern[str], rng: random.Random) -> str:
    parts = ends.split(text)
    pieces = [position for position in range(0, len(parts), 2) if parts[position].strip()]
    shuffled = rng.sample(pieces, len(pieces))
    moved = dict(zip(pieces, shuffled, strict=True))
    return "".join(parts[moved.get(position, position)] for position in range(len(parts)))
