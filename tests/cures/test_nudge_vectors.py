"""NUDGE's closed forms are the best moves that a search finds, and a bound of 0 moves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.cures.vectors import nudge
from tcmbench.ranking.metrics import Relevant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tcmbench.cures.vectors.nudge import Norm

ORDER = np.arange(4)


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return rows of unit length."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def judged(*documents: int) -> Relevant:
    """Return one relevant document per query."""
    count = len(documents)
    return Relevant(np.arange(count), np.array(documents), np.ones(count, dtype=np.int64), count)


@pytest.fixture(name="random")
def _random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_directions_are_sums_of_the_queries_of_a_document() -> None:
    """A query with several relevant documents counts for each; one outside the documents for none."""
    queries = np.eye(3, dtype=np.float32)
    relevant = Relevant(np.array([0, 0, 1, 2]), np.array([1, 2, 1, -1]), np.ones(4, dtype=np.int64), 3)
    np.testing.assert_array_equal(nudge.directions(queries, relevant, documents=3), [[0, 0, 0], [1, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize("norm", ["N", "M"])
def test_a_bound_of_zero_is_the_untreated_model(norm: Norm, random: np.random.Generator) -> None:
    """Bit for bit; so are documents without training queries at every bound."""
    vectors = unit(random.normal(size=(4, 5)))
    towards = random.normal(size=(4, 5))
    towards[2] = 0
    np.testing.assert_array_equal(nudge.moved(vectors, towards, bound=0.0, norm=norm), vectors)
    after = nudge.moved(vectors, towards, bound=0.4, norm=norm)
    np.testing.assert_array_equal(after[2], vectors[2])
    assert (np.abs(after - vectors).max(axis=1)[[0, 1, 3]] > 0.01).all()


@pytest.mark.parametrize("bound", [0.1, 0.5, 1.0, 1.4, 2.0])
def test_nudge_n_is_the_best_unit_vector_within_the_bound(bound: float, random: np.random.Generator) -> None:
    """None of all unit vectors on a fine circle, no further away than the bound, has a larger sum of similarities."""
    vectors = unit(random.normal(size=(6, 2)))
    towards = random.normal(size=(6, 2))
    angles = np.linspace(0, 2 * np.pi, 20_001)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    after = nudge.moved(vectors, towards, bound=bound, norm="N")
    for before, target, found in zip(vectors, towards, after, strict=True):
        within = circle[np.linalg.norm(circle - before, axis=1) <= bound]
        assert np.linalg.norm(found - before) <= bound + 1e-5
        assert found @ target >= (within @ target).max() - 1e-5
        np.testing.assert_allclose(np.linalg.norm(found), 1, atol=1e-6)


@pytest.mark.parametrize("bound", [0.1, 0.5, 1.0])
def test_nudge_m_is_the_best_vector_within_the_bound(bound: float, random: np.random.Generator) -> None:
    """None of a fine disk around the document has a larger sum; then it is given unit length."""
    vectors = unit(random.normal(size=(6, 2)))
    towards = random.normal(size=(6, 2))
    angles, radii = np.meshgrid(np.linspace(0, 2 * np.pi, 2001), np.linspace(0, bound, 21))
    disk = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1).reshape(-1, 2)
    after = nudge.moved(vectors, towards, bound=bound, norm="M")
    for before, target, found in zip(vectors, towards, after, strict=True):
        best = before + disk[np.argmax((before + disk) @ target)]
        np.testing.assert_allclose(found, best / np.linalg.norm(best), atol=5e-3)


def test_a_document_opposite_to_its_queries_is_no_nan() -> None:
    """All directions are equally good, or the move ends in the origin: the document stays."""
    vectors = np.array([[1.0, 0.0], [1.0, 0.0]], dtype=np.float32)
    towards = np.array([[-1.0, 0.0], [2.0, 0.0]])
    for norm in ("N", "M"):
        np.testing.assert_array_equal(nudge.moved(vectors, towards, bound=1.0, norm=norm), vectors)


def test_the_bound_is_that_of_the_dev_queries() -> None:
    """A document with a wrong training query isn't moved past the right one; equal bounds: the shortest."""
    vectors = unit(np.array([[1.0, 0.2], [0.2, 1.0]]))
    train = unit(np.array([[0.5, 1.0]]))
    towards = nudge.directions(train, judged(0), documents=2)
    dev = unit(np.array([[0.9, 1.0], [0.0, 1.0]]))
    chosen = nudge.choose_bound(vectors, towards, queries=dev, relevant=judged(0, 1), order=np.arange(2), norm="N")
    curve = dict(chosen.curve)
    assert curve[0.0] < curve[chosen.bound] == max(curve.values())
    assert chosen.bound == min(bound for bound, value in chosen.curve if value == max(curve.values()))


def test_a_bound_that_helps_no_dev_query_is_zero(random: np.random.Generator) -> None:
    """Where every bound is equally good, nothing is moved."""
    vectors = np.eye(3, dtype=np.float32)
    towards = random.normal(size=(3, 3)) * 0
    chosen = nudge.choose_bound(
        vectors, towards, queries=vectors, relevant=judged(0, 1, 2), order=np.arange(3), norm="M"
    )
    assert chosen.bound == 0.0


def test_the_other_documents_stay_or_share_the_mean_direction() -> None:
    """A document without training queries is moved towards the mean query, the others as before."""
    queries = np.eye(3, dtype=np.float32)[:2]
    towards = nudge.directions(queries, judged(0, 0), documents=2)
    np.testing.assert_array_equal(nudge.with_others(towards, queries, others="stay"), towards)
    np.testing.assert_array_equal(nudge.with_others(towards, queries, others="mean"), [[1, 1, 0], [0.5, 0.5, 0]])


def test_documents_that_stay_are_outranked_unless_they_move_along() -> None:
    """An unseen document's query is answered before and with `mean`, but not where the seen ones alone are moved."""
    common, seen, unseen = np.eye(3)
    documents = unit(np.stack([seen, unseen]) + 0.1 * common)
    train = unit(np.stack([common + 0.3 * seen]))
    query = unit(np.stack([common + 0.3 * unseen]))
    own = nudge.directions(train, judged(0), documents=2)

    def first(others: nudge.Others) -> int:
        towards = nudge.with_others(own, train, others=others)
        return int(np.argmax(query @ nudge.moved(documents, towards, bound=0.6, norm="N").T))

    assert int(np.argmax(query @ documents.T)) == 1
    assert first("stay") == 0
    assert first("mean") == 1
