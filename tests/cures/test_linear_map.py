"""A linear map of queries: the closed form is the optimum, the trained one starts and is measured at the identity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench import plugins
from tcmbench.cures.vectors import linear
from tcmbench.cures.vectors.linear import Documents, QuerySplit, Schedule
from tcmbench.errors import SpecError
from tcmbench.ranking.metrics import Relevant

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE, DOCUMENTS, QUERIES = 6, 12, 40


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return rows of unit length."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module", name="data")
def _data() -> tuple[QuerySplit, QuerySplit, Documents]:
    """Queries that are their documents in rotated coordinates, so that a map helps; and the documents."""
    random = np.random.default_rng(1)
    documents = unit(random.normal(size=(DOCUMENTS, SIZE)))
    rotation = np.linalg.qr(random.normal(size=(SIZE, SIZE)))[0]

    def split(count: int) -> QuerySplit:
        own = random.integers(0, DOCUMENTS, count)
        queries = unit(documents[own] @ rotation + 0.2 * random.normal(size=(count, SIZE)))
        return QuerySplit(queries, Relevant(np.arange(count), own, np.ones(count, dtype=np.int64), count))

    return split(QUERIES), split(QUERIES), Documents(documents, np.arange(DOCUMENTS))


def loss(matrix: NDArray[np.float64], split: QuerySplit, documents: Documents, *, penalty: float) -> float:
    """Return what the closed form minimises."""
    residual = split.queries @ matrix - documents.vectors[split.relevant.document]
    return float((residual**2).sum() + penalty * ((matrix - np.eye(len(matrix))) ** 2).sum())


@pytest.mark.parametrize("penalty", [0.0, 1.0, 100.0])
def test_the_closed_form_is_the_minimum(data: tuple[QuerySplit, QuerySplit, Documents], penalty: float) -> None:
    """Every small change of W in every entry makes the loss larger."""
    train, _, documents = data
    matrix = linear.ridge(train, documents.vectors, penalty=penalty)
    least = loss(matrix, train, documents, penalty=penalty)
    for entry in np.ndindex(matrix.shape):
        for change in (1e-3, -1e-3):
            other = matrix.copy()
            other[entry] += change
            assert loss(other, train, documents, penalty=penalty) > least


def test_an_infinite_penalty_is_the_untreated_model(data: tuple[QuerySplit, QuerySplit, Documents]) -> None:
    """W is the identity, to which large penalties converge; a product with it changes no bit."""
    train, _, documents = data
    identity = linear.ridge(train, documents.vectors, penalty=math.inf)
    np.testing.assert_array_equal(identity, np.eye(SIZE))
    np.testing.assert_allclose(linear.ridge(train, documents.vectors, penalty=1e12), identity, atol=1e-9)
    product = (train.queries.astype(np.float64) @ identity).astype(np.float32)
    np.testing.assert_array_equal(product, train.queries)


def test_without_a_unique_solution_a_penalty_is_required() -> None:
    """Fewer queries than dimensions."""
    split = QuerySplit(
        np.eye(1, 3, dtype=np.float32), Relevant(*(np.zeros(1, dtype=np.int64),) * 2, np.ones(1, int), 1)
    )
    with pytest.raises(ValueError, match="expected a penalty above 0"):
        linear.ridge(split, np.eye(3, dtype=np.float32), penalty=0.0)


def test_the_cure_takes_no_penalty_of_zero() -> None:
    """Rounding hides that queries don't span all dimensions, and the map of the solver is then arbitrary."""
    with pytest.raises(SpecError, match="penalty: Input should be greater than 0"):
        plugins.use("cures", "query_adapter", {"penalty": 0.0})


def test_the_penalty_is_that_of_the_dev_queries(data: tuple[QuerySplit, QuerySplit, Documents]) -> None:
    """The best on dev, infinity always among them; of equal ones the strongest."""
    train, dev, documents = data
    chosen = linear.closed_form(train, dev, documents, penalties=(1.0, 10.0, 1e15))
    curve = dict(chosen.curve)
    assert chosen.curve[0][0] == math.inf
    assert curve[chosen.setting] == max(curve.values()) > curve[math.inf]
    unhelpful = linear.closed_form(train, dev, documents, penalties=(1e15,))
    assert unhelpful.setting == math.inf


def test_the_gradient_is_that_of_the_loss(data: tuple[QuerySplit, QuerySplit, Documents]) -> None:
    """By differences, with queries that have several relevant documents."""
    train, _, documents = data
    some = np.repeat(np.arange(5), 2)
    relevant = Relevant(some, np.arange(10), np.ones(10, dtype=np.int64), 5)
    split = QuerySplit(train.queries[:5], relevant)
    matrix = np.eye(SIZE) + 0.1 * np.random.default_rng(2).normal(size=(SIZE, SIZE))
    _, gradient = linear.info_nce(matrix, split, documents.vectors, temperature=0.3)
    step = 1e-6
    for entry in np.ndindex(matrix.shape):
        above, below = matrix.copy(), matrix.copy()
        above[entry] += step
        below[entry] -= step
        losses = [linear.info_nce(m, split, documents.vectors, temperature=0.3)[0] for m in (above, below)]
        assert gradient[entry] == pytest.approx((losses[0] - losses[1]) / (2 * step), abs=1e-6)


def test_the_other_relevant_documents_are_no_negatives() -> None:
    """A query whose two documents are both nearest has nearly no loss."""
    documents = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    split = QuerySplit(
        np.eye(1, 3, dtype=np.float32), Relevant(np.array([0, 0]), np.array([0, 1]), np.ones(2, dtype=np.int64), 1)
    )
    assert linear.info_nce(np.eye(3), split, documents, temperature=0.05)[0] < 1e-6


def test_the_trained_map_is_the_best_measured(data: tuple[QuerySplit, QuerySplit, Documents]) -> None:
    """It starts at the identity, is better on dev afterwards, ends early, and is the same each time."""
    train, dev, documents = data
    schedule = Schedule(steps=400, learning_rate=0.02, temperature=0.1)
    chosen = linear.trained(train, dev, documents, schedule)
    steps, values = zip(*chosen.curve, strict=True)
    assert (steps[0], values[0]) == (0.0, linear.dev_ndcg(np.eye(SIZE), dev, documents))
    assert dict(chosen.curve)[chosen.setting] == max(values) > values[0]
    assert steps[-1] < 400
    assert linear.dev_ndcg(chosen.matrix, dev, documents) == max(values)
    np.testing.assert_array_equal(linear.trained(train, dev, documents, schedule).matrix, chosen.matrix)


def test_a_training_that_only_harms_keeps_the_identity(data: tuple[QuerySplit, QuerySplit, Documents]) -> None:
    """Early stopping returns the start, bit for bit."""
    train, _, documents = data
    perfect = QuerySplit(documents.vectors, Relevant(*(np.arange(DOCUMENTS),) * 2, np.ones(DOCUMENTS, int), DOCUMENTS))
    chosen = linear.trained(train, perfect, documents, Schedule(steps=60, learning_rate=0.05, temperature=0.1))
    assert chosen.setting == 0.0
    np.testing.assert_array_equal(chosen.matrix, np.eye(SIZE))
