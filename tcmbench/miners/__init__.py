"""Miners of negatives, one per file: `mine(queries, corpus, …)` returns the negatives of each query.

For every miner, a negative is never a positive of its query, never a document with the same text as one, and never
(unless switched off) a syndrome that the official label map merges with one. All queries get the same number, because
ms-swift silently drops rows without negatives from a file that has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from pydantic import Field, model_validator

from tcmbench.errors import SpecError
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

TextKind = Literal["query", "document"]


@dataclass(frozen=True, slots=True)
class Queries:
    """Queries that negatives are mined for; the tuples are parallel."""

    ids: tuple[str, ...]
    """Unique; random choices depend on them, and not on the order of queries."""

    texts: tuple[str, ...]

    positives: tuple[frozenset[str], ...]
    """Ids of all documents that are relevant to the query."""

    negatives: tuple[tuple[str, ...], ...] = ()
    """Ids of the documents that the data gives as negatives, none of them a positive; () where it gives none."""

    def take(self, rows: Iterable[int]) -> Queries:
        """Return the queries of some rows."""
        rows = tuple(rows)
        ids, texts, positives = self.ids, self.texts, self.positives
        return Queries(
            tuple(ids[row] for row in rows),
            tuple(texts[row] for row in rows),
            tuple(positives[row] for row in rows),
            tuple(self.negatives[row] for row in rows) if self.negatives else (),
        )

    def by_id(self) -> Queries:
        """Return the queries sorted by id."""
        return self.take(sorted(range(len(self.ids)), key=self.ids.__getitem__))


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents that negatives are mined from."""

    ids: tuple[str, ...]

    texts: tuple[str, ...]

    merged: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Id → ids that the official label map merges with it; ids without any may be left out."""

    forms: tuple[tuple[str | None, ...], ...] = ()
    """Other forms of the documents, each with one text per document; None where a document has no such form. Documents
    that are equal in one of them are copies."""


class Negatives(NamedTuple):
    """The result of a miner."""

    ids: tuple[tuple[str, ...], ...]
    """Per query, in the order of the queries: the same number of distinct document ids, hardest first."""

    filled: tuple[int, ...]
    """Per query: how many of them are fill-ins, because too few documents passed skip_top and the margins."""


class Embedder(Protocol):
    """A model that turns texts into vectors: a base, a checkpoint or an endpoint."""

    @property
    def revision(self) -> str:
        """Hash of everything that the vectors depend on; part of the key of what is built with them."""
        ...

    def embed(self, texts: Sequence[str], *, kind: TextKind) -> NDArray[np.float32]:
        """Return one unit vector per text [texts, dimensions], with the prompt of the kind applied."""
        ...


@dataclass(frozen=True, slots=True)
class MiningContext:
    """What a miner may use in addition to its data."""

    embedder: Callable[[str], Embedder] | None = None
    """Returns the model of a base, which may be a checkpoint's folder or an endpoint; "" is the variant's own base."""

    def model(self, name: str) -> Embedder:
        """Return the model named in a miner's options.

        Raises:
            SpecError: The context has no models.
        """
        if self.embedder is None:
            raise SpecError(
                "embedding negatives need a model that returns vectors, and this base doesn't. Name one in the "
                'miner\'s options (model = "…"), or choose bm25 or random.'
            )
        return self.embedder(name)


class MinerOptions(PluginOptions):
    """Options of every miner."""

    count: int = Field(default=8)
    """Negatives per query."""

    exclude_merged_labels: bool = True
    """Leave out syndromes that the official label map merges with a positive."""

    def model_name(self) -> str | None:
        """Return the name of the model whose vectors the miner needs; None if it needs none."""
        return None

    @model_validator(mode="after")
    def _count_is_positive(self) -> MinerOptions:
        if self.count < 1:
            raise ValueError(
                f"count is {self.count}, expected at least 1 (8 is usual); to train without mined negatives "
                'write miner = "none"'
            )
        return self


class RankedOptions(MinerOptions):
    """Options of miners that score documents."""

    skip_top: int = Field(default=0, ge=0)
    """Number of best-ranked documents to leave out, which are the most likely false negatives."""

    margin_absolute: float | None = None
    """Leave out documents that score above the positive minus this (TopK-MarginPos of NV-Retriever)."""

    margin_relative: float | None = Field(default=None, gt=0, le=1)
    """Leave out documents that score above this share of the positive (TopK-PercPos, 0.95 in NV-Retriever)."""


class Miner(Protocol):
    """Interface of a module of this folder; miners that score documents select negatives by `miners.selection`."""

    REVISION: str
    """Raised whenever the same options, queries and corpus give different negatives."""

    Options: type[MinerOptions]

    def mine(
        self, queries: Queries, corpus: Corpus, *, options: PluginOptions, seed: int, context: MiningContext
    ) -> Negatives:
        """Return the same number of document ids per query, hardest first; never a positive or a copy of one.

        The result depends on the seed and not on the order of the queries.

        Raises:
            SpecError: The context lacks what the options need.
            DataError: The corpus has fewer allowed documents than `count`.
        """
        ...
