"""An index finds what it says it finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tcmbench.errors import EvaluationError
from tcmbench.ranking.index_options import IndexOptions
from tcmbench.task_types.scoring import dense_search
from tests.fakes import ArrayEncoder, FastTask, load, scores

DOCUMENTS, QUERIES = 2000, 25


@pytest.fixture(scope="module")
def case() -> dict[str, Any]:
    """A split whose queries lie near their documents."""
    documents = [f"d{number}" for number in range(DOCUMENTS)]
    queries = [f"q{number}" for number in range(QUERIES)]
    qrels = {query: {documents[row * 31]: 1} for row, query in enumerate(queries)}
    return {"queries": queries, "documents": documents, "qrels": qrels}


@pytest.fixture(scope="module")
def model() -> ArrayEncoder:
    """An encoder of 16 dimensions."""
    rng = np.random.default_rng(2)
    vectors = {f"text of d{n}": rng.standard_normal(16, dtype=np.float32) for n in range(DOCUMENTS)}
    near = rng.standard_normal((QUERIES, 16), dtype=np.float32)
    vectors |= {f"query q{n}": vectors[f"text of d{n * 31}"] + near[n] for n in range(QUERIES)}
    return ArrayEncoder(vectors)


def through(options: IndexOptions | None, case: dict[str, Any], model: Any) -> dict[str, Any]:
    """Return the scores of a search through an index."""
    task = load(FastTask(), **case)
    task.index_options = options
    return scores(task, model)


@pytest.mark.parametrize("chunk", [50_000, 300])
def test_a_flat_index_is_exact(
    case: dict[str, Any], model: ArrayEncoder, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores through the flat index are those of the exact search, in one chunk and in seven; it found everything."""
    monkeypatch.setattr(dense_search, "CORPUS_CHUNK", chunk)
    expected = through(None, case, model)
    actual = through(IndexOptions(), case, model)
    assert (actual.pop("search_recall_at_10"), actual.pop("search_recall_at_100")) == (1.0, 1.0)
    assert {n: v for n, v in expected.items() if "nauc" not in n} == {
        n: v for n, v in actual.items() if "nauc" not in n
    }


@pytest.mark.parametrize("chunk", [2000, 700])
@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_recall_is_stated(
    kind: str, chunk: int, case: dict[str, Any], model: ArrayEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recall reported is the share of the exact top ten that the index returned, in chunks or not."""
    monkeypatch.setattr("tcmbench.task_types.scoring.dense_search.CORPUS_CHUNK", chunk)
    exact, approximate = load(FastTask(), **case), load(FastTask(), **case)
    approximate.index_options = IndexOptions(kind=kind, lists=16, probes=2, links=8, breadth=16)
    scores(exact, model)
    stated = scores(approximate, model)["search_recall_at_10"]
    lists = zip(*(task.per_query["default", "test"].top_ids[:, :10] for task in (exact, approximate)), strict=True)
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in lists]) == pytest.approx(stated)
    assert 0.1 < stated <= 1.0


def test_looking_harder_finds_more(case: dict[str, Any], model: ArrayEncoder) -> None:
    """With all lists probed an inverted index is exact."""
    few = through(IndexOptions(kind="ivf", lists=16, probes=1), case, model)
    every = through(IndexOptions(kind="ivf", lists=16, probes=16), case, model)
    assert few["search_recall_at_100"] < every["search_recall_at_100"] == 1.0


def test_a_similarity_of_its_own_is_refused(case: dict[str, Any], model: ArrayEncoder) -> None:
    """An index computes inner products; a model that compares otherwise is not searched by one."""

    class Own(ArrayEncoder):
        def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
            return -super().similarity(embeddings1, embeddings2)

    with pytest.raises(EvaluationError, match="similarity of its own"):
        through(IndexOptions(), case, Own(model.vectors))
