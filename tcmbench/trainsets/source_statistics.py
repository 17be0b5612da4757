"""Statistics of a mixture, with those of its sources."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.trainsets.statistics import SourceStatistics, Statistics

if TYPE_CHECKING:
    from collections.abc import Sequence


class PartOfMixture(NamedTuple):
    """A source, and what the mixture has of it."""

    path: str
    role: str
    statistics: Statistics

    lines: int
    """Lines in the mixture."""


def of_sources(
    parts: Sequence[PartOfMixture], *, block_size: int, batch_rule: str, replaced: int, in_conflict: int
) -> Statistics:
    """Return the statistics of a mixture; lengths are in those of its sources.

    Args:
        parts: The sources.
        block_size: Examples of a batch.
        batch_rule: What may not repeat in a batch.
        replaced: Negatives of one source that were replaced because of another one's examples.
        in_conflict: Those for which there was no other document.
    """
    total = sum(part.lines for part in parts)
    every = [part.statistics for part in parts]
    counts = Counter[str]()
    for one in every:
        counts.update(one.label_counts)
    plain = sum(part.lines * part.statistics.same_label_share_plain for part in parts) / total
    real = sum(part.lines * part.statistics.same_label_share for part in parts) / total
    return Statistics(
        lines=total,
        records=sum(one.records for one in every),
        pairs=sum(one.pairs for one in every),
        examples=sum(one.examples for one in every),
        passes=(total,),
        dropped=(sum(one.lines for one in every) - total,),
        block_size=block_size,
        batch_rule=batch_rule,
        views=max(one.views for one in every),
        plain_documents=sum(one.plain_documents for one in every),
        negatives_per_example=every[0].negatives_per_example,
        negatives_filled=sum(one.negatives_filled for one in every),
        negatives_replaced=replaced + sum(one.negatives_replaced for one in every),
        negatives_in_conflict=in_conflict + sum(one.negatives_in_conflict for one in every),
        label_counts=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        same_label_share_plain=plain,
        same_label_share=real,
        collisions_per_batch_plain=plain * block_size,
        collisions_per_batch=real * block_size,
        query=None,
        positive=None,
        negative=None,
        dev_lines=next((one.dev_lines for one in every if one.dev_lines), 0),
        sources=tuple(
            SourceStatistics(
                path=part.path,
                role=part.role,
                records=part.statistics.records,
                examples=part.statistics.examples,
                lines=part.lines,
                share=part.lines / total,
                negatives_filled=part.statistics.negatives_filled,
                query=part.statistics.query,
                positive=part.statistics.positive,
                negative=part.statistics.negative,
            )
            for part in parts
        ),
    )
