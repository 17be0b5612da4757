"""Which documents a query is taught to stay away from: one miner per file, `mine(queries, corpus, …)`.

Whatever the miner, a negative is never a positive of its query, never a document with the same text as one,
and never (unless switched off) a syndrome that the official label map merges with one. Every query gets
equally many, because ms-swift drops rows without negatives in a file that has them, and does so in silence.
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
    """What negatives are mined for; the three run in parallel."""

    ids: tuple[str, ...]
    """Unique; they decide the random choices, so that the order of queries decides nothing."""

    texts: tuple[str, ...]

    positives: tuple[frozenset[str], ...]
    """Ids of all documents that are right for the query."""

    def take(self, rows: Iterable[int]) -> Queries:
        """Return the queries of some rows."""
        rows = tuple(rows)
        ids, texts, positives = self.ids, self.texts, self.positives
        return Queries(
            tuple(ids[row] for row in rows), tuple(texts[row] for row in rows), tuple(positives[row] for row in rows)
        )

    def by_id(self) -> Queries:
        """Return the queries sorted by id."""
        return self.take(sorted(range(len(self.ids)), key=self.ids.__getitem__))


@dataclass(frozen=True, slots=True)
class Corpus:
    """What negatives are mined from."""

    ids: tuple[str, ...]

    texts: tuple[str, ...]

    merged: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Ids that the official label map merges with an id; those it doesn't know may be left out."""

    forms: tuple[tuple[str | None, ...], ...] = ()
    """Other ways the documents are written, each with a text a document; None where a document isn't written so.
    Documents that are the same in one of them are copies."""


class Negatives(NamedTuple):
    """What a miner found."""

    ids: tuple[tuple[str, ...], ...]
    """Per query, in the order of the queries: equally many document ids, hardest first, no id twice."""

    filled: tuple[int, ...]
    """Per query: how many of them only fill up, because too few passed skip_top and the margins."""


class Embedder(Protocol):
    """A model that turns texts into vectors: a base, a checkpoint or an endpoint."""

    @property
    def revision(self) -> str:
        """Hash of all that the vectors depend on; part of the key of what is built with them."""
        ...

    def embed(self, texts: Sequence[str], *, kind: TextKind) -> NDArray[np.float32]:
        """Return one unit vector a text [texts, dimensions], with the prompt of the kind applied."""
        ...


@dataclass(frozen=True, slots=True)
class MiningContext:
    """What a miner may use beside its data."""

    embedder: Callable[[str], Embedder] | None = None
    """Gives the model of a base, whose file may name a checkpoint's folder or an endpoint; "" is the variant's own."""

    def model(self, name: str) -> Embedder:
        """Return the model that a miner's options name.

        Raises:
            SpecError: There are no models.
        """
        if self.embedder is None:
            raise SpecError(
                "embedding negatives need a model that gives vectors, and this base gives none. Name one in the "
                'miner\'s options (model = "…"), or choose bm25 or random.'
            )
        return self.embedder(name)


class MinerOptions(PluginOptions):
    """What every miner can be told."""

    count: int = Field(default=8)
    """Negatives per query."""

    exclude_merged_labels: bool = True
    """Leave out syndromes that the official label map merges with a positive."""

    def model_name(self) -> str | None:
        """Return the name of the model whose vectors the miner asks for; None when it needs none."""
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
    """What miners that score documents can be told."""

    skip_top: int = Field(default=0, ge=0)
    """Leave out so many of the best-ranked documents, which are the likeliest to be right after all."""

    margin_absolute: float | None = None
    """Leave out documents that score above the positive minus this (TopK-MarginPos of NV-Retriever)."""

    margin_relative: float | None = Field(default=None, gt=0, le=1)
    """Leave out documents that score above this share of the positive (TopK-PercPos, 0.95 in NV-Retriever)."""


class Miner(Protocol):
    """What a module of this folder offers; miners that score documents choose among them by `miners.selection`."""

    REVISION: str
    """Raised whenever the same options, queries and corpus give other negatives."""

    Options: type[MinerOptions]

    def mine(
        self, queries: Queries, corpus: Corpus, *, options: PluginOptions, seed: int, context: MiningContext
    ) -> Negatives:
        """Return equally many document ids per query, hardest first; never a positive or a copy of one.

        The result depends on the seed and not on the order of the queries.

        Raises:
            SpecError: The context lacks what the options ask for.
            DataError: The corpus has fewer documents that may be negatives than are asked for.
        """
        ...
