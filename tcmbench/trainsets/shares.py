"""How many examples of each source a mixture has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.specs.source import DataSource


class Amount(NamedTuple):
    """The part of one source in a pass over a mixture."""

    share: float
    """Share of the examples of a pass."""

    passes: float
    """How often a pass over the mixture reads each of its examples, on average."""


def amounts(sources: Sequence[DataSource], examples: Sequence[int], *, temperature: float) -> list[Amount]:
    """Return the part of each source in a pass over the mixture.

    With shares, a pass is as long as it can be without reading an example of any source twice. Without, it has as many
    examples as all sources together, sampled in proportion to (weight × examples) ^ (1 / temperature), as in
    multilingual pretraining (Conneau et al. 2020, XLM-R, section 3.1).

    Args:
        sources: The sources.
        examples: Number of examples of each.
        temperature: From 1, by size, to infinity, equally often.
    """
    shares = [source.share for source in sources if source.share is not None]
    if shares:
        total = min(count / share for count, share in zip(examples, shares, strict=True))
    else:
        drawn = [(s.weight * count) ** (1 / temperature) for s, count in zip(sources, examples, strict=True)]
        shares = [part / sum(drawn) for part in drawn]
        total = sum(examples)
    return [Amount(share, share * total / count) for share, count in zip(shares, examples, strict=True)]


def rows_per_batch(shares: Sequence[float], paths: Sequence[str], *, size: int, where: str) -> list[int]:
    """Return how many examples of each source are in a mixed batch: its share, by largest remainder.

    Args:
        shares: Shares with a sum of 1.
        paths: Name of each source, for messages.
        size: Examples of a batch.
        where: Context for messages.

    Raises:
        SpecError: A source has less than one example per batch.
    """
    exact = [share * size for share in shares]
    counts = [int(value) for value in exact]
    by_rest = sorted(range(len(exact)), key=lambda place: (counts[place] - exact[place], place))
    for place in by_rest[: size - sum(counts)]:
        counts[place] += 1
    for path, share, count in zip(paths, shares, counts, strict=True):
        if count == 0:
            raise SpecError(
                f"{where}: a mixed batch of {size} examples has none of {path!r}, whose share is {share:.4f}. Raise "
                'its share or training.batch_size, or set batches = "by_source" under [mixing].'
            )
    return counts
