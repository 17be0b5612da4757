"""From scores to negatives: ranks, ties, skipped ranks and margins."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcmbench.miners import Corpus, Queries
from tcmbench.miners.selection import Candidates, Forbidden, Selection, select, select_nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCORES = [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0]


def choose(scores: list[float], positives: set[int], selection: Selection) -> Candidates:
    """Return the candidates of one query with these scores."""
    ids = tuple(f"d{i}" for i in range(len(scores)))
    queries = Queries(("q",), ("",), (frozenset(f"d{i}" for i in positives),))
    corpus = Corpus(ids, ids)
    return select(queries, corpus, lambda _: np.array([scores], dtype=np.float32), selection)


@pytest.mark.parametrize(
    ("selection", "expected", "accepted"),
    [
        (Selection(3, True), [0, 1, 3], 3),
        (Selection(3, True, skip_top=2), [3, 4, 5], 3),
        (Selection(3, True, margin_absolute=0.0), [3, 4, 5], 3),
        (Selection(3, True, margin_absolute=1.5), [4, 5, 6], 3),
        (Selection(3, True, margin_relative=0.8), [4, 5, 6], 3),
        (Selection(3, True, margin_absolute=-1.0), [1, 3, 4], 3),
        # Two pass; the third is the worst-scored of those refused.
        (Selection(3, True, margin_absolute=4.0), [6, 7, 5], 2),
        (Selection(3, True, skip_top=6), [7, 6, 5], 1),
    ],
)
def test_skips_and_margins(selection: Selection, expected: list[int], accepted: int) -> None:
    """With document 2 right: skips count ranks among the rest, margins count from its score."""
    found = choose(SCORES, {2}, selection)
    assert (found.positions.tolist(), found.accepted.tolist()) == ([expected], [accepted])


def test_lowest_positive_sets_the_margin() -> None:
    """No negative beats any positive of the query."""
    assert choose(SCORES, {0, 4}, Selection(2, True, margin_absolute=0.0)).positions.tolist() == [[5, 6]]


def test_relative_margin_lowers_negative_scores_too() -> None:
    """With a negative score a plain product would let documents above the positive in."""
    scores = [-1.0, -1.04, -1.2, -1.3]
    assert choose(scores, {0}, Selection(2, True, margin_relative=0.9)).positions.tolist() == [[2, 3]]


@given(
    scores=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=6, max_size=30),
    count=st.integers(1, 5),
    positive=st.integers(0, 5),
)
def test_ties_go_by_position(scores: list[float], count: int, positive: int) -> None:
    """The choice equals a full stable sort, however many scores are equal."""
    found = choose(scores, {positive}, Selection(count, True)).positions[0].tolist()
    expected = sorted((i for i in range(len(scores)) if i != positive), key=lambda i: (-scores[i], i))
    assert expected[:count] == found


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries are chosen for alike whether they fit one block or need many."""
    rng = np.random.default_rng(0)
    scores = rng.random((20, 9)).astype(np.float32)
    ids = tuple(f"d{i}" for i in range(9))
    queries = Queries(tuple(f"q{i}" for i in range(20)), ("",) * 20, tuple(frozenset({f"d{i % 9}"}) for i in range(20)))

    def of(block: Queries) -> NDArray[np.float32]:
        return scores[[int(query_id[1:]) for query_id in block.ids]]

    whole = select(queries, Corpus(ids, ids), of, Selection(4, True))
    monkeypatch.setattr("tcmbench.miners.selection.choice._BLOCK_SCORES", 27)
    parts = select(queries, Corpus(ids, ids), of, Selection(4, True))
    assert whole.positions.tolist() == parts.positions.tolist()
    order = [19, 3, 11, 0, 7]
    some = select(queries.take(order), Corpus(ids, ids), of, Selection(4, True))
    assert some.positions.tolist() == whole.positions[order].tolist()


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 6),
    skip_top=st.integers(0, 4),
    absolute=st.none() | st.sampled_from([-3.0, 0.0, 2.0]),
    relative=st.none() | st.sampled_from([0.5, 1.0]),
    spare=st.sampled_from([0, 1, 3, 64]),
)
def test_nearest_are_those_of_all_scores(
    seed: int, count: int, skip_top: int, absolute: float | None, relative: float | None, spare: int
) -> None:
    """Few candidates or many, with copies, ties in whole numbers, skips and margins, queries without a positive."""
    rng = np.random.default_rng(seed)
    documents = rng.integers(-2, 3, (60, 3)).astype(np.float32)
    asked = rng.integers(-2, 3, (12, 3)).astype(np.float32)
    texts = tuple(f"文{n % 55}" for n in range(60))
    corpus = Corpus(tuple(f"d{n}" for n in range(60)), texts, {"d3": frozenset({"d3", "d4"})})
    positives = tuple(frozenset(f"d{n}" for n in rng.integers(0, 62, rng.integers(1, 4))) for _ in range(12))
    queries = Queries(tuple(f"q{n:02}" for n in range(12)), ("",) * 12, positives)

    def scores(block: Queries) -> NDArray[np.float32]:
        products: NDArray[np.float32] = asked[[int(query_id[1:]) for query_id in block.ids]] @ documents.T
        return products

    selection = Selection(count, True, skip_top, absolute, relative)
    expected = select(queries, corpus, scores, selection)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tcmbench.miners.selection.nearest._SPARE", (spare, 2 * spare))
        patch.setattr("tcmbench.miners.selection.nearest._BLOCK_QUERIES", 5)
        found = select_nearest(queries, corpus, (asked, documents), selection, scores=scores)
    assert found.positions.tolist() == expected.positions.tolist()
    assert found.accepted.tolist() == expected.accepted.tolist()


def test_forbidden_documents_of_many_queries_need_little_memory() -> None:
    """A matrix of 20,000 sets of positives and 50,000 documents would be 1 GB."""
    documents, asked = 50_000, 20_000
    corpus = Corpus(tuple(f"d{n}" for n in range(documents)), tuple(f"文{n}" for n in range(documents)))
    positives = tuple(frozenset({f"d{n}"}) for n in range(asked))
    queries = Queries(tuple(f"q{n}" for n in range(asked)), ("",) * asked, positives)
    tracemalloc.start()
    try:
        forbidden = Forbidden.of(queries, corpus, exclude_merged_labels=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert forbidden.banned_of(7) == {7}
    assert peak < 100 << 20
