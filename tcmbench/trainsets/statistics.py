"""Statistics of a training set, to be checked before training on it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tcmbench.trainsets.examples import ALL
from tcmbench.trainsets.length_tally import Lengths, StatisticsPart, Tally
from tcmbench.trainsets.order import measured_share, meeting_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.trainsets.examples import Contents, Examples
    from tcmbench.trainsets.pairs import Pairs
    from tcmbench.trainsets.texts import Texts
    from tcmbench.trainsets.write import Written

_CHUNK = 100_000


class SourceStatistics(StatisticsPart):
    """One source of a mixture."""

    path: str

    role: str
    """train or replay."""

    records: int

    examples: int
    """Its examples; at most one pass over it."""

    lines: int
    """Its lines in the training file; more than `examples` where some are read again."""

    share: float
    """Share of all lines."""

    negatives_filled: int

    query: Lengths | None

    positive: Lengths | None

    negative: Lengths | None


class Statistics(StatisticsPart):
    """One `stats.json`."""

    lines: int
    """Lines of the training file, over all passes."""

    records: int

    pairs: int
    """Record and positive; a record with two syndromes makes two."""

    examples: int
    """Pairs in all their views (with split_negatives, one per negative), after sampling; at most one pass."""

    passes: tuple[int, ...]
    """Lines of each pass."""

    dropped: tuple[int, ...]
    """Examples that each pass leaves out because they fit into no batch without repeating a label."""

    block_size: int
    """Examples in one batch over all devices."""

    batch_rule: str
    """Batch rule of the order; plain where the loss has no in-batch negatives."""

    views: int
    """Views of a document by the augmentation; 0 without one."""

    plain_documents: int
    """Positives without any view, which are trained on as they are."""

    negatives_per_example: int

    negatives_filled: int
    """Mined negatives that didn't pass the margins and are fill-ins."""

    negatives_replaced: int
    """Negatives replaced because they were positives of another example in the batch, over all lines."""

    negatives_in_conflict: int
    """Negatives that are positives of another example in the batch and had to be kept."""

    label_counts: dict[str, int]
    """Examples per positive, most frequent first."""

    same_label_share_plain: float
    """Expected share of examples that share a label with another one in a random batch."""

    same_label_share: float
    """The same share, measured in this file."""

    collisions_per_batch_plain: float
    """The former, in examples per batch."""

    collisions_per_batch: float
    """The latter, in examples per batch."""

    query: Lengths | None

    positive: Lengths | None

    negative: Lengths | None
    """None without negatives."""

    dev_lines: int
    """Lines of the dev file; 0 where there is none."""

    sources: tuple[SourceStatistics, ...] = ()
    """The sources of a mixture, in the order of its tables."""


def measure(contents: Contents, written: Written, *, dev_lines: int) -> Statistics:
    """Return the statistics of a written training set."""
    pairs, texts, examples, order = contents

    ids = examples.pair.tolist()
    labels = [pairs.labels[pairs.pairs[pair].record] for pair in ids]
    flat = [example for one_pass in order.passes for example in one_pass]
    plain = meeting_share(labels, batch_size=order.block_size)
    real = measured_share(labels, flat, batch_size=order.block_size)
    counts = Counter(pairs.knowledge[pairs.pairs[pair].positive].doc_id for pair in ids)
    positive, negative = _document_lengths(pairs, texts, examples)
    return Statistics(
        lines=written.lines,
        records=len(pairs.records),
        pairs=len(pairs.pairs),
        examples=len(ids),
        passes=tuple(len(one_pass) for one_pass in order.passes),
        dropped=order.dropped,
        block_size=order.block_size,
        batch_rule="label_unique" if order.is_label_unique else "plain",
        views=texts.views,
        plain_documents=_plain_documents(pairs, texts),
        negatives_per_example=len(pairs.pairs[0].negatives) if bool((examples.negative == ALL).all()) else 1,
        negatives_filled=pairs.filled,
        negatives_replaced=written.negatives.replaced,
        negatives_in_conflict=written.negatives.kept_conflicts,
        label_counts=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        same_label_share_plain=plain,
        same_label_share=real,
        collisions_per_batch_plain=plain * order.block_size,
        collisions_per_batch=real * order.block_size,
        query=_query_lengths(pairs, texts, examples),
        positive=positive,
        negative=negative,
        dev_lines=dev_lines,
    )


def _query_lengths(pairs: Pairs, texts: Texts, examples: Examples) -> Lengths | None:
    import numpy as np

    record = np.array([pair.record for pair in pairs.pairs], dtype=np.int64)[examples.pair]
    lengths = np.array(texts.queries.lengths)
    tally = Tally()
    tally.add(lengths[record], np.array(texts.query_limits)[record])
    return tally.result()


def _document_lengths(pairs: Pairs, texts: Texts, examples: Examples) -> tuple[Lengths | None, Lengths | None]:
    """Return the lengths of positives and of negatives, in chunks, as there may be millions."""
    import numpy as np

    # [documents, views + 1]: the plain view, -1, addresses the last column.
    lengths = np.array(
        [
            [_length(texts, document, view) for view in (*range(texts.views), -1)]
            for document in range(len(pairs.knowledge))
        ]
    )
    limits = np.array(texts.document_limits)
    record_of = np.array([pair.record for pair in pairs.pairs], dtype=np.int64)
    positive_of = np.array([pair.positive for pair in pairs.pairs], dtype=np.int64)
    negatives_of = np.array([pair.negatives for pair in pairs.pairs], dtype=np.int64)
    positive, negative = Tally(), Tally()
    for start in range(0, len(examples.pair), _CHUNK):
        rows = slice(start, start + _CHUNK)
        pair, view, which = examples.pair[rows], examples.view[rows], examples.negative[rows]
        limit = limits[record_of[pair]]
        shows_positive = which < 0 if examples.is_scored else np.ones(len(which), dtype=np.bool_)
        positive.add(lengths[positive_of[pair], view][shows_positive], limit[shows_positive])
        whole, alone = which == ALL, which >= 0
        negative.add(lengths[negatives_of[pair[whole]], view[whole][:, None]], limit[whole][:, None])
        if alone.any():
            negative.add(lengths[negatives_of[pair[alone], which[alone]], view[alone]], limit[alone])
    return positive.result(), negative.result()


def _length(texts: Texts, document: int, view: int) -> int:
    """Return the length of a document in a view; 0 where the set doesn't use it."""
    return texts.documents.lengths[texts.place(document, view)] if (document, -1) in texts.places else 0


def _plain_documents(pairs: Pairs, texts: Texts) -> int:
    positives: Sequence[int] = sorted({pair.positive for pair in pairs.pairs})
    return (
        sum(views == [-1] for views in texts.common_views([document] for document in positives)) if texts.views else 0
    )
