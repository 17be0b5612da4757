"""The negatives that the training data gives, in its order; those of another miner where it gives too few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from tcmbench.miners import (
    Corpus,
    MinerOptions,
    MiningContext,
    Negatives,
    Queries,
    RankedOptions,
    bm25,
    embedding,
    random,
)
from tcmbench.miners.selection import Forbidden

if TYPE_CHECKING:
    from tcmbench.miners.selection import Candidates
    from tcmbench.plugins import Kind

REVISION = "1"
USES = (("miners", "random"), ("miners", "bm25"), ("miners", "embedding"))

_OF_RANKS = frozenset(RankedOptions.model_fields) - frozenset(MinerOptions.model_fields)


class Options(RankedOptions):
    """What fills up; skip_top and the margins apply to that alone, as what the data gives is taken as it is."""

    top_up: Literal["random", "bm25", "embedding"] = "random"
    """Miner of the negatives that are missing."""

    model: str = ""
    """Model of `top_up = "embedding"`, as in that miner."""

    def model_name(self) -> str | None:
        """Return the model; None if the miner that fills up needs none."""
        return self.model if self.top_up == "embedding" else None

    @model_validator(mode="after")
    def _options_have_an_effect(self) -> Options:
        idle = (_OF_RANKS if self.top_up == "random" else frozenset()) | (
            frozenset() if self.top_up == "embedding" else {"model"}
        )
        named = sorted(idle & self.model_dump(exclude_defaults=True).keys())
        if named:
            raise ValueError(f'{named[0]} has no effect with top_up = "{self.top_up}"; leave it out or choose another')
        return self


def uses(options: Options) -> tuple[tuple[Kind, str], ...]:
    """Return the miner that fills up."""
    return (("miners", options.top_up),)


def mine(queries: Queries, corpus: Corpus, *, options: Options, seed: int, context: MiningContext) -> Negatives:
    """Return the first given negatives of each query that are allowed, then the best others, which count as filled.

    The documents that the data gives have ranks among those that `skip_top` leaves out, and are taken all the same.

    Raises:
        SpecError: The context has no models, and `top_up` needs one.
        DataError: The corpus has fewer allowed documents than `count`.
    """
    at = {doc_id: position for position, doc_id in enumerate(corpus.ids)}
    forbidden = Forbidden.of(queries, corpus, exclude_merged_labels=options.exclude_merged_labels)
    # `count` candidates are enough: a query that lacks negatives has all its given ones, and others follow these.
    others = _candidates(queries, corpus, options=options, seed=seed, context=context).positions.tolist()
    rows, filled = [], []
    for row, given in enumerate(queries.negatives or ((),) * len(queries.ids)):
        banned = forbidden.banned_of(row)
        own = [at[doc_id] for doc_id in dict.fromkeys(given) if at[doc_id] not in banned][: options.count]
        chosen = list(dict.fromkeys([*own, *others[row]]))[: options.count]
        rows.append(tuple(corpus.ids[position] for position in chosen))
        filled.append(options.count - len(own))
    return Negatives(tuple(rows), tuple(filled))


def _candidates(queries: Queries, corpus: Corpus, *, options: Options, seed: int, context: MiningContext) -> Candidates:
    """Return the candidates of the miner that fills up."""
    ranked = options.model_dump(include=set(RankedOptions.model_fields))
    if options.top_up == "random":
        drawn = random.Options(count=options.count, exclude_merged_labels=options.exclude_merged_labels)
        return random.candidates(queries, corpus, options=drawn, seed=seed)
    if options.top_up == "bm25":
        return bm25.candidates(queries, corpus, options=bm25.Options.model_validate(ranked))
    nearest = embedding.Options.model_validate(ranked | {"model": options.model})
    return embedding.candidates(queries, corpus, options=nearest, context=context)
