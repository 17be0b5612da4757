"""The order of examples in a training file, in which trainers read them.

A contrastive loss uses the positives of the other examples in a batch as negatives. With 148 syndromes over 43,180
records, about three of four anchors meet their own syndrome in a random batch of 32, and are pushed away from it. So
the file consists of blocks of the batch size in which no label occurs twice, and trainers don't shuffle it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy as np


def plain_order(total: int, *, seed: int, number: int) -> list[int]:
    """Return `range(total)` shuffled, for a pass of a seed: no pass of another seed has the same order."""
    import numpy as np

    order: list[int] = np.random.default_rng((seed, number)).permutation(total).tolist()
    return order


def label_unique_passes(
    labels: Sequence[Collection[str]], *, batch_size: int, seed: int, passes: int = 1
) -> list[list[int]]:
    """Return orders whose blocks of `batch_size` have no two examples that share a label.

    Every pass consists of whole blocks. With one label per example it has the maximum number of blocks: b blocks need
    sum(min(count of label, b)) >= b * batch_size. The labels of each block are drawn with probabilities that use all
    labels up evenly. Examples that don't fit (the surplus of labels more frequent than the number of blocks, and the
    last incomplete block) are left out of that pass alone: the next pass begins with those left out longest. With
    several labels per example, blocks are filled greedily, by the number of examples left, until one can't be filled.

    Args:
        labels: Labels of each example, at least one.
        batch_size: Examples per block.
        seed: Seed of all choices.
        passes: Number of passes.

    Raises:
        SpecError: Not even one block can be filled.
    """
    import numpy as np

    groups: dict[frozenset[str], list[int]] = {}
    for example, own in enumerate(labels):
        groups.setdefault(frozenset(own), []).append(example)
    names = sorted(groups, key=sorted)
    rng = np.random.default_rng(seed)
    queues = [_Queue(groups[name], rng) for name in names]
    is_single = all(len(name) == 1 for name in names)
    counts = [len(queue.examples) for queue in queues]
    orders = []
    for _ in range(passes):
        for queue in queues:
            queue.begin_pass()
        blocks = (
            _single_label_blocks(counts, batch_size=batch_size, rng=rng)
            if is_single
            else _greedy_blocks(names, counts, batch_size=batch_size, rng=rng)
        )
        if not blocks:
            raise SpecError(_too_few(names, batch_size))
        rng.shuffle(blocks)
        orders.append([queues[group].next() for block in blocks for group in rng.permutation(block).tolist()])
    return orders


def meeting_share(labels: Sequence[Collection[str]], *, batch_size: int) -> float:
    """Return the expected share of examples that share a label with another one in a random batch.

    An example that shares labels with m of the other n-1 meets none of them with probability
    C(n-1-m, k-1) / C(n-1, k-1) in a batch of k.
    """
    import numpy as np

    total = len(labels)
    if total <= 1 or batch_size <= 1:
        return 0.0
    groups = Counter(frozenset(given) for given in labels)
    sharing = _sharing(groups)
    others = np.array([sharing[group] - 1 for group in groups], dtype=np.float64)
    weights = np.array(list(groups.values()), dtype=np.float64)
    alone = np.ones(len(groups))
    for drawn in range(min(batch_size, total) - 1):
        alone *= np.clip((total - 1 - others - drawn) / (total - 1 - drawn), 0.0, 1.0)
    return float((weights * (1.0 - alone)).sum() / total)


def measured_share(labels: Sequence[Collection[str]], order: Sequence[int], *, batch_size: int) -> float:
    """Return the share of examples of an order that share a label with another one in their block."""
    meeting, start = 0, 0
    if all(len(given) == 1 for given in labels):
        whole = len(order) - len(order) % batch_size
        meeting, start = _meeting_in_blocks([next(iter(given)) for given in labels], order[:whole], batch_size), whole
    for first in range(start, len(order), batch_size):
        block = [labels[i] for i in order[first : first + batch_size]]
        frequency = Counter(label for given in block for label in given)
        meeting += sum(any(frequency[label] > 1 for label in given) for given in block)
    return meeting / len(order) if order else 0.0


def _meeting_in_blocks(labels: Sequence[str], order: Sequence[int], batch_size: int) -> int:
    """Return how many examples of whole blocks share their only label with another one in their block."""
    import numpy as np

    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int32)
    blocks = np.sort(codes[np.array(order, dtype=np.int64)].reshape(-1, batch_size), axis=1)
    is_next = blocks[:, 1:] == blocks[:, :-1]
    outside = np.zeros((len(blocks), 1), dtype=np.bool_)
    shares = np.hstack([is_next, outside]) | np.hstack([outside, is_next])
    return int(np.count_nonzero(shares))


class _Queue:
    """The examples of one group, in shuffled rounds: none is repeated before all have been used."""

    def __init__(self, examples: list[int], rng: np.random.Generator) -> None:
        self.examples = examples
        self._rng = rng
        self._waiting: list[int] = []
        self._dealt: set[int] = set()

    def begin_pass(self) -> None:
        """Forget the examples of the previous pass."""
        self._dealt.clear()

    def next(self) -> int:
        """Return the next example; within a pass none twice, for up to as many calls as there are examples."""
        if not self._waiting:
            shuffled = self._rng.permutation(self.examples).tolist()
            # In a round that begins within a pass, examples that the pass has used already come last.
            self._waiting = sorted(shuffled, key=lambda example: example not in self._dealt)
        example = self._waiting.pop()
        self._dealt.add(example)
        return example


def _single_label_blocks(counts: Sequence[int], *, batch_size: int, rng: np.random.Generator) -> list[list[int]]:
    """Return the maximum number of blocks of distinct groups.

    Each block is a systematic sample: with r blocks to go, group g is in the next one with probability left[g] / r,
    which keeps left[g] <= r and so always leaves enough for the rest (Madow 1949).
    """
    import numpy as np

    blocks = _most_blocks(counts, batch_size)
    left = np.minimum(np.array(counts, dtype=np.int64), blocks)
    surplus = int(left.sum()) - blocks * batch_size
    # The surplus is drawn among the examples that fit, so that rare labels are rarely left out.
    giving = rng.multivariate_hypergeometric(left, surplus) if surplus > 0 else 0
    left = left - giving
    drawn = []
    for to_go in range(blocks, 0, -1):
        shuffled = rng.permutation(len(left))
        ends = np.cumsum(left[shuffled])
        points = rng.integers(to_go) + to_go * np.arange(batch_size)
        chosen = shuffled[np.searchsorted(ends, points, side="right")]
        left[chosen] -= 1
        drawn.append(chosen.tolist())
    return drawn


def _most_blocks(counts: Sequence[int], batch_size: int) -> int:
    """Return the largest b with sum(min(count, b)) >= b * batch_size."""
    low, high = 0, sum(counts) // batch_size
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(count, middle) for count in counts) >= middle * batch_size:
            low = middle
        else:
            high = middle - 1
    return low


def _greedy_blocks(
    names: Sequence[frozenset[str]], counts: Sequence[int], *, batch_size: int, rng: np.random.Generator
) -> list[list[int]]:
    left = list(counts)
    load = Counter({label: 0 for name in names for label in name})
    for name, count in zip(names, counts, strict=True):
        for label in name:
            load[label] += count
    blocks = []
    while block := _greedy_block(names, left, load, batch_size=batch_size, rng=rng):
        blocks.append(block)
        for group in block:
            left[group] -= 1
            load.subtract(names[group])
    return blocks


def _greedy_block(
    names: Sequence[frozenset[str]],
    left: Sequence[int],
    load: Mapping[str, int],
    *,
    batch_size: int,
    rng: np.random.Generator,
) -> list[int]:
    """Return groups without a common label, or [] where no block can be filled."""
    ties = rng.random(len(names)).tolist()
    available = [group for group, count in enumerate(left) if count]
    by_load = sorted(available, key=lambda g: (-max(load[label] for label in names[g]), ties[g]))
    # Where heaviest-first uses labels up on examples with many, examples with few may still fit.
    by_size = sorted(available, key=lambda g: (len(names[g]), -left[g], ties[g]))
    for candidates in (by_load, by_size):
        block: list[int] = []
        used: set[str] = set()
        for group in candidates:
            if used.isdisjoint(names[group]):
                block.append(group)
                used |= names[group]
                if len(block) == batch_size:
                    return block
    return []


def _sharing(groups: Mapping[frozenset[str], int]) -> dict[frozenset[str], int]:
    """Return for each group how many examples share a label with it, its own included."""
    by_label: dict[str, list[frozenset[str]]] = {}
    for group in groups:
        for label in group:
            by_label.setdefault(label, []).append(group)
    return {group: sum(groups[o] for o in {o for label in group for o in by_label[label]}) for group in groups}


def _too_few(names: Sequence[frozenset[str]], batch_size: int) -> str:
    distinct = len({label for name in names for label in name})
    return (
        f"batch_rule label_unique: a batch of {batch_size} examples without a common label can't be filled from "
        f"{distinct} different labels (records with several labels use up several). Lower training.batch_size to "
        'well below that, or set batch_rule = "plain".'
    )
