"""Hybrid negatives: random, lexically close and close by a model's vectors, without repeats.

Easy negatives keep the vectors spread out, hard ones separate similar documents; from one kind alone a model loses the
other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from tcmbench.miners import Corpus, MiningContext, Negatives, Queries, RankedOptions, bm25, embedding, random

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.miners.selection import Candidates

REVISION = "1"
USES = (("miners", "random"), ("miners", "bm25"), ("miners", "embedding"))


class Options(RankedOptions):
    """Negatives per source; skip_top and the margins apply to BM25 and embedding, each by its own scores."""

    random: int = Field(default=2, ge=0)
    """Random ones."""

    bm25: int = Field(default=3, ge=0)
    """The best of BM25."""

    embedding: int = Field(default=3, ge=0)
    """The nearest of the model."""

    model: str = ""
    """Model of the embedding ones, as in the miner `embedding`."""

    def model_name(self) -> str | None:
        """Return the model; None if it provides no negatives."""
        return self.model if self.embedding else None

    @model_validator(mode="after")
    def _shares_add_up(self) -> Options:
        total = self.random + self.bm25 + self.embedding
        if total != self.count:
            raise ValueError(
                f"count is {self.count} but random {self.random} + bm25 {self.bm25} + embedding "
                f"{self.embedding} are {total}: set all four so that they add up"
            )
        return self


def mine(queries: Queries, corpus: Corpus, *, options: Options, seed: int, context: MiningContext) -> Negatives:
    """Return the negatives of three miners without repeats: the model's first, then BM25's, then random ones.

    They are chosen in the order random, BM25, embedding; each source skips documents that an earlier one has taken.
    Where a source has too few (skip_top, margins), the others fill up in the same order, so random ones first.

    Raises:
        SpecError: The context has no models.
        DataError: The corpus has fewer allowed documents than `count`.
    """
    shares = (options.random, options.bm25, options.embedding)
    ranked = _ranked(queries, corpus, options=options, seed=seed, context=context)
    rows = []
    filled = []
    columns = [(source.positions.tolist(), source.accepted.tolist()) for source in ranked]
    for query in range(len(queries.ids)):
        lists = [positions[query][: accepted[query]] for positions, accepted in columns]
        chosen, short = _merge(lists, shares)
        rows.append(tuple(corpus.ids[position] for position in chosen))
        filled.append(short)
    return Negatives(ids=tuple(rows), filled=tuple(filled))


def _ranked(
    queries: Queries, corpus: Corpus, *, options: Options, seed: int, context: MiningContext
) -> list[Candidates]:
    """Return the candidates of the three miners, each with enough to skip those that earlier ones may take."""
    ranked = options.model_dump(include=set(RankedOptions.model_fields))
    allowed = len(corpus.ids) - max((len(p) for p in queries.positives), default=0)
    depth = min(options.count, allowed)
    by_random = random.Options(count=options.count, exclude_merged_labels=options.exclude_merged_labels)
    by_bm25 = bm25.Options.model_validate(ranked | {"count": max(1, min(depth, options.random + options.bm25))})
    by_model = embedding.Options.model_validate(ranked | {"model": options.model})
    candidates = [random.candidates(queries, corpus, options=by_random, seed=seed)]
    candidates.append(bm25.candidates(queries, corpus, options=by_bm25))
    if options.embedding:
        candidates.append(embedding.candidates(queries, corpus, options=by_model, context=context))
    return candidates


def _merge(lists: Sequence[Sequence[int]], shares: Sequence[int]) -> tuple[list[int], int]:
    """Return the chosen documents, hardest source first, and the number of fill-ins."""
    taken: set[int] = set()
    parts: list[list[int]] = []
    for positions, share in zip(lists, shares, strict=False):
        part = [position for position in positions if position not in taken][:share]
        taken.update(part)
        parts.append(part)
    missing = sum(shares) - len(taken)
    for part, positions in zip(parts, lists, strict=True):
        if not missing:
            break
        more = [position for position in positions if position not in taken][:missing]
        taken.update(more)
        part.extend(more)
        missing -= len(more)
    filled = sum(max(0, share - len(part)) for share, part in zip(shares, parts, strict=False))
    return [position for part in reversed(parts) for position in part], filled
