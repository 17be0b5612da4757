"""Vectors as they are stored: what is searched, by which arithmetic, and in how many bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tcmbench.errors import EvaluationError
from tcmbench.ranking.unit_vectors import unit
from tcmbench.ranking.vector_index import StoredCandidates, VectorIndex, decoded, shortened, signs
from tcmbench.ranking.vector_storage import Storage

RANDOM = np.random.default_rng(0)
DOCUMENTS = unit(RANDOM.standard_normal((300, 32)).astype(np.float32))
QUERIES = unit(DOCUMENTS[:20] + RANDOM.standard_normal((20, 32)).astype(np.float32) / 12)
EXACT = QUERIES @ DOCUMENTS.T


def index(**fields: object) -> VectorIndex:
    """Return an index over the documents."""
    return VectorIndex(DOCUMENTS, storage=replace(Storage(), **fields), name="m")  # type: ignore[arg-type]


def test_single_precision_is_the_exact_search() -> None:
    """Scores are cosines, the best first."""
    top = index().search(QUERIES, 10)
    order = np.argsort(-EXACT, axis=1)[:, :10]
    assert (top.documents == order).all()
    np.testing.assert_allclose(top.scores, np.take_along_axis(EXACT, order, axis=1), atol=1e-6)


@pytest.mark.parametrize(("precision", "worst"), [("float16", 1e-3), ("bfloat16", 8e-3), ("int8", 8e-3)])
def test_rounded_documents_are_scored_by_the_whole_query(precision: str, worst: float) -> None:
    """The score is the query's product with the decoded document, near the cosine but not equal to it."""
    top = index(precision=precision).search(QUERIES, 300)
    by_hand = QUERIES @ decoded(DOCUMENTS, precision).T
    np.testing.assert_allclose(top.scores, np.take_along_axis(by_hand, top.documents, axis=1), atol=1e-6)
    wrong = np.abs(top.scores - np.take_along_axis(EXACT, top.documents, axis=1)).max()
    assert 0 < wrong < worst


def test_int8_has_a_range_per_dimension() -> None:
    """A code is one of 256 steps from the smallest to the largest value of its dimension."""
    stored = decoded(DOCUMENTS, "int8")
    steps = (DOCUMENTS.max(axis=0) - DOCUMENTS.min(axis=0)) / 255
    assert (np.abs(stored - DOCUMENTS) <= 0.51 * steps + 1e-7).all()
    assert all(len(np.unique(column)) <= 256 for column in stored.T)


def test_binary_is_the_hamming_distance_of_signs() -> None:
    """Neither lengths nor sizes of values count; the score is the cosine of the signs."""
    top = index(precision="binary").search(QUERIES, 300)
    by_hand = signs(QUERIES) @ signs(DOCUMENTS).T / 32
    np.testing.assert_allclose(top.scores, np.take_along_axis(by_hand, top.documents, axis=1), atol=1e-6)
    assert (np.diff(top.scores, axis=1) <= 0).all()


@pytest.mark.parametrize("rescore_with", ["codes", "int8", "float32"])
def test_only_the_first_documents_are_scored_again(rescore_with: str) -> None:
    """They come before the others, which keep their order; more than the first can't move up."""
    before = index(precision="binary").search(QUERIES, 300)
    after = index(precision="binary", rescore=20, rescore_with=rescore_with).search(QUERIES, 300)
    assert (np.sort(after.documents[:, :20], axis=1) == np.sort(before.documents[:, :20], axis=1)).all()
    assert (after.documents[:, 20:] == before.documents[:, 20:]).all()
    assert (np.diff(after.scores, axis=1) <= 0).all()
    stored = {"codes": signs(DOCUMENTS), "int8": decoded(DOCUMENTS, "int8"), "float32": DOCUMENTS}[rescore_with]
    by_hand = np.take_along_axis(QUERIES @ stored.T, after.documents[:, :20], axis=1)
    np.testing.assert_allclose(after.scores[:, :20], by_hand, atol=1e-5)


def test_candidates_are_ordered_as_in_a_search_of_them_all() -> None:
    """Whether documents are searched or given as candidates, the form's scores rank them."""
    for storage in (Storage(precision="int8"), Storage(precision="binary", rescore=300)):
        ranking = StoredCandidates(decoded(DOCUMENTS, storage.precision), DOCUMENTS, storage=storage)
        top = VectorIndex(DOCUMENTS, storage=storage, name="m").search(QUERIES[:1], 300)
        scores = ranking.scores(QUERIES[0], np.arange(300))
        np.testing.assert_allclose(top.scores[0], scores[top.documents[0]], atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 128),
        ({"dimensions": 16}, 64),
        ({"precision": "float16"}, 64),
        ({"precision": "int8"}, 32),
        ({"precision": "binary"}, 4),
        ({"precision": "binary", "rescore": 10, "rescore_with": "codes"}, 4),
        ({"precision": "binary", "rescore": 10, "rescore_with": "int8"}, 36),
        ({"precision": "binary", "rescore": 10}, 132),
        ({"precision": "pq", "parts": 8, "bits": 4}, 4),
        ({"index": "ivf"}, 128),
        ({"index": "hnsw"}, 128),
    ],
)
def test_bytes_are_those_that_are_stored(fields: dict[str, object], expected: int) -> None:
    """Bytes of a document are those of its code and of the vector for rescoring; FAISS writes at least as many."""
    made = index(**fields)
    assert made.bytes_per_document == expected
    assert made.bytes >= 300 * expected


@pytest.mark.parametrize("precision", ["float32", "int8", "binary"])
def test_lists_and_graphs_return_what_they_find(precision: str) -> None:
    """A search of few lists misses documents, a search of all finds them; a graph is built alike every time."""
    few = index(precision=precision, index="ivf", lists=7, probes=1).search(QUERIES, 300)
    every = index(precision=precision, index="ivf", lists=7, probes=7).search(QUERIES, 300)
    assert (few.documents == -1).any()
    assert not (every.documents == -1).any()
    first, again = (index(precision=precision, index="hnsw").search(QUERIES, 10) for _ in range(2))
    assert (first.documents == again.documents).all()


def test_cut_vectors_have_unit_length_again() -> None:
    """The first dimensions are kept."""
    short = shortened(DOCUMENTS, 8, name="m")
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(short, unit(DOCUMENTS[:, :8]), atol=1e-7)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dimensions": 64}, "m: expected at least 64 dimensions, .* got 32"),
        ({"precision": "binary", "dimensions": 12}, "expected dimensions in eights .*, got 12. .* to 8"),
        ({"precision": "pq", "parts": 5}, "expected parts of equal length .*, got 5 parts of 32"),
        ({"precision": "pq", "parts": 4, "bits": 8, "dimensions": 32}, "expected at least 256 documents .*, got 100"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(fields: dict[str, object], message: str) -> None:
    """The message names the model and what to change."""
    with pytest.raises(EvaluationError, match=message):
        VectorIndex(DOCUMENTS[:100], storage=replace(Storage(), **fields), name="m")  # type: ignore[arg-type]
