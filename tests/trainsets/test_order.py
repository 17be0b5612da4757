"""Label-unique blocks: what they promise, for any labels."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tcmbench.errors import SpecError
from tcmbench.trainsets.order import label_unique_passes, measured_share, meeting_share, plain_order

LABELS = "abcdefgh"
single = st.lists(st.sampled_from(LABELS).map(lambda label: (label,)), min_size=1, max_size=60)
several = st.lists(st.sets(st.sampled_from(LABELS), min_size=1, max_size=3), min_size=1, max_size=60)


@settings(max_examples=50)
@given(
    labels=st.one_of(single, several),
    batch_size=st.integers(2, 6),
    seed=st.integers(0, 5),
    passes=st.integers(1, 3),
)
def test_no_label_twice_in_a_block_and_no_example_twice_in_a_pass(
    labels: list[set[str]], batch_size: int, seed: int, passes: int
) -> None:
    """Passes consist of whole blocks without a repeated label, or the recipe is refused."""
    try:
        orders = label_unique_passes(labels, batch_size=batch_size, seed=seed, passes=passes)
    except SpecError:
        return
    assert len(orders) == passes
    for order in orders:
        assert len(order) % batch_size == 0 < len(order)
        assert len(set(order)) == len(order)
        for start in range(0, len(order), batch_size):
            met = Counter(label for i in order[start : start + batch_size] for label in labels[i])
            assert max(met.values()) == 1


@settings(max_examples=50)
@given(labels=single, batch_size=st.integers(2, 6))
def test_as_many_blocks_as_there_can_be(labels: list[tuple[str]], batch_size: int) -> None:
    """With one label each, taking the most frequent labels first can't fill more blocks."""
    left = Counter(label for (label,) in labels)
    most = 0
    while sum(count > 0 for count in left.values()) >= batch_size:
        left.subtract(label for label, _ in left.most_common(batch_size))
        most += 1
    assume(most > 0)
    (order,) = label_unique_passes(labels, batch_size=batch_size, seed=0)
    assert len(order) == most * batch_size


@settings(max_examples=50)
@given(labels=single, batch_size=st.integers(2, 5))
def test_who_waited_longest_comes_first(labels: list[tuple[str]], batch_size: int) -> None:
    """No example comes again before all others of its label have come."""
    try:
        orders = label_unique_passes(labels, batch_size=batch_size, seed=0, passes=4)
    except SpecError:
        return
    times = Counter(example for order in orders for example in order)
    for label in LABELS:
        counts = [times[i] for i, (own,) in enumerate(labels) if own == label]
        assert not counts or max(counts) - min(counts) <= 1


def test_seed_and_pass_decide() -> None:
    """The same seed gives the same order; passes and seeds differ."""
    labels = [(LABELS[i % 8],) for i in range(80)]
    first, second = label_unique_passes(labels, batch_size=4, seed=1, passes=2)
    assert [first, second] == label_unique_passes(labels, batch_size=4, seed=1, passes=2)
    assert first != second
    assert [first] != label_unique_passes(labels, batch_size=4, seed=2)
    assert sorted(first) == list(range(80))


def test_every_pair_of_labels_meets() -> None:
    """Blocks are mixed: over many blocks any two labels stand in one together."""
    labels = [(LABELS[i % 8],) for i in range(800)]
    (order,) = label_unique_passes(labels, batch_size=4, seed=0)
    blocks = [{labels[i][0] for i in order[s : s + 4]} for s in range(0, 800, 4)]
    met = Counter((a, b) for block in blocks for a in block for b in block if a < b)
    # 200 blocks of 4 out of 8 labels: a pair meets in 3/14 of them, 43 times.
    assert len(met) == 28
    assert min(met.values()) > 15


def test_too_few_labels_are_refused_with_advice() -> None:
    """Ten labels don't fill a batch of 32."""
    with pytest.raises(SpecError, match=r'a batch of 32 .* from 10 different labels.*batch_rule = "plain"'):
        label_unique_passes([(str(i % 10),) for i in range(500)], batch_size=32, seed=0)


@settings(max_examples=20)
@given(labels=st.one_of(single, several), batch_size=st.integers(1, 8))
def test_meeting_share_is_the_mean_over_random_batches(labels: list[set[str]], batch_size: int) -> None:
    """The formula agrees with a simulation (5 standard errors)."""
    rng = np.random.default_rng(0)
    size = min(batch_size, len(labels))
    shares = [measured_share(labels, rng.permutation(len(labels))[:size].tolist(), batch_size=size) for _ in range(600)]
    expected = meeting_share(labels, batch_size=batch_size)
    assert expected == pytest.approx(np.mean(shares), abs=5 * max(np.std(shares), 0.01) / 600**0.5)


@pytest.mark.parametrize("labels", [list("aabbbcdeafg"), ["a", "ab", "b", "cd", "d", "e", "ea", "f", "gf", "a", "h"]])
@pytest.mark.parametrize("size", [1, 3, 4, 11, 20])
def test_the_measured_share_counts_who_meets_its_own_label(labels: list[str], size: int) -> None:
    """One label each or several, whole blocks or not: as counted one by one."""
    order = [int(i) for i in np.random.default_rng(size).permutation(len(labels))]
    blocks = [order[start : start + size] for start in range(0, len(order), size)]
    meets = [any(set(labels[i]) & set(labels[j]) for j in block if j != i) for block in blocks for i in block]
    assert sum(meets) / len(meets) == measured_share([frozenset(given) for given in labels], order, batch_size=size)


def test_plain_order_is_a_shuffle_by_its_seed() -> None:
    """It holds every example once; seeds give different orders."""
    order = plain_order(50, seed=3, number=0)
    assert sorted(order) == list(range(50))
    assert order == plain_order(50, seed=3, number=0) != plain_order(50, seed=4, number=0)
    assert plain_order(50, seed=3, number=1) not in (order, plain_order(50, seed=4, number=0))
