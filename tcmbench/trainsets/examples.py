"""The examples of a training set as arrays: record, view, negatives and order.

Texts are looked up when a line is written, so that a million examples take a few dozen megabytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.errors import SpecError
from tcmbench.trainsets.order import label_unique_passes, plain_order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.specs.variant import Variant
    from tcmbench.trainsets import Requirements
    from tcmbench.trainsets.pairs import Pairs
    from tcmbench.trainsets.texts import Texts

ALL = -1
"""An example with all negatives of its pair."""

POSITIVE = -2
"""A scored example: query and positive alone."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples in no order."""

    pair: NDArray[np.int32]
    """Position of the pair."""

    view: NDArray[np.int16]
    """View of positive and negatives."""

    negative: NDArray[np.int16]
    """ALL, POSITIVE, or the number of the pair's negative that is the only one in the example."""

    is_scored: bool
    """Whether an example is one pair of texts with a score."""


@dataclass(frozen=True, slots=True)
class ExampleOrder:
    """Examples in the order of training."""

    passes: tuple[list[int], ...]
    """One or more passes; the last may be partial."""

    block_size: int
    """Examples in one batch over all devices."""

    is_label_unique: bool

    dropped: tuple[int, ...]
    """Examples that a pass leaves out."""


class Contents(NamedTuple):
    """Everything that a file is written from."""

    pairs: Pairs
    texts: Texts
    examples: Examples
    order: ExampleOrder


def make_examples(variant: Variant, pairs: Pairs, texts: Texts, *, requirements: Requirements, seed: int) -> Examples:
    """Return all examples, or a seeded sample of `max_samples` of them.

    Raises:
        SpecError: The loss or `split_negatives` needs negatives and there are none.
    """
    import numpy as np

    negatives = len(pairs.pairs[0].negatives)
    is_scored = requirements.scored
    if negatives == 0 and (variant.split_negatives or is_scored or variant.task == "reranker"):
        reason = "split_negatives" if variant.split_negatives else f"task {variant.task}, loss {requirements.loss}"
        raise SpecError(
            f"variant {variant.name}: {reason} needs negatives, and the miner "
            f"{variant.negatives.miner} gives none. Choose random, bm25, embedding or hybrid."
        )
    alone = [ALL]
    if is_scored:
        alone = [POSITIVE, *range(negatives)]
    elif variant.split_negatives:
        alone = list(range(negatives))
    views = texts.common_views((pair.positive, *pair.negatives) for pair in pairs.pairs)
    per_pair = [len(of_pair) for of_pair in views]
    pair = np.repeat(np.arange(len(per_pair), dtype=np.int32), per_pair)
    view = np.concatenate([np.array(of_pair, dtype=np.int16) for of_pair in views])
    pair, view = np.repeat(pair, len(alone)), np.repeat(view, len(alone))
    negative = np.tile(np.array(alone, dtype=np.int16), len(pair) // len(alone))
    if variant.max_samples is not None and variant.max_samples < len(pair):
        chosen = np.random.default_rng(seed).choice(len(pair), size=variant.max_samples, replace=False)
        chosen.sort()
        pair, view, negative = pair[chosen], view[chosen], negative[chosen]
    return Examples(pair, view, negative, is_scored)


def make_order(
    variant: Variant, pairs: Pairs, examples: Examples, *, requirements: Requirements, seed: int
) -> ExampleOrder:
    """Return the order of training: `epochs` passes, each with its own shuffle, the last cut to its fraction.

    Only losses with in-batch negatives benefit from label-unique blocks; for others the order is a plain shuffle,
    whatever the batch rule, since blocks would leave examples out without benefit.

    Raises:
        SpecError: Label-unique blocks can't be filled.
    """
    training = variant.training
    block = training.batch_size * requirements.devices
    count = max(1, math.ceil(training.epochs - 1e-9))
    total = len(examples.pair)
    if variant.batch_rule == "label_unique" and requirements.in_batch:
        labels = [pairs.labels[pairs.pairs[pair].record] for pair in examples.pair.tolist()]
        passes = label_unique_passes(labels, batch_size=block, seed=seed, passes=count)
        unit = block
    else:
        passes = [plain_order(total, seed=seed, number=number) for number in range(count)]
        unit = 1
    dropped = tuple(total - len(order) for order in passes)
    fraction = training.epochs - (count - 1)
    last = passes[-1][: max(1, round(len(passes[-1]) / unit * fraction)) * unit]
    return ExampleOrder((*passes[:-1], last), block, unit == block, dropped)


def watched_order(
    variant: Variant, pairs: Pairs, examples: Examples, *, requirements: Requirements, most: int
) -> ExampleOrder:
    """Return at most `most` examples, evenly spaced, for the dev curve of a training.

    Where the loss or the margin counts documents of other examples as negatives, no two examples share a label, so that
    both are meaningful. Nothing is returned for fewer than two examples, and no last batch of one.
    """
    size, total = variant.training.batch_size, len(examples.pair)
    is_contrastive = variant.task == "embedding" and not requirements.scored
    candidates = _one_per_label(pairs, examples) if is_contrastive else list(range(total))
    count = min(most, len(candidates))
    if is_contrastive and count % size == 1:
        count -= 1
    kept = [candidates[number * len(candidates) // count] for number in range(count)] if count > 1 else []
    return ExampleOrder((kept,), size, is_contrastive, (0,))


def _one_per_label(pairs: Pairs, examples: Examples) -> list[int]:
    """Return the first example of each label; of examples with several labels, those that share none."""
    taken: set[str] = set()
    first = []
    for example, pair in enumerate(examples.pair.tolist()):
        labels = pairs.labels[pairs.pairs[pair].record]
        if taken.isdisjoint(labels):
            first.append(example)
            taken.update(labels)
    return first
