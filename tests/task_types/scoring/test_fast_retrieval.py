"""The fast path gives mteb's numbers, all of them, on every shape of split we could think of."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sklearn
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from mteb.models.model_meta import ScoringFunction

from tcmbench.errors import EvaluationError, ParityError
from tcmbench.ranking import per_query, topk
from tcmbench.task_types.scoring import fast_retrieval
from tests.fakes import ArrayEncoder, FastTask, PlainTask, RunModel, WordOverlap, load, scores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcmbench.ranking.per_query import PerQuery

Case = dict[str, Any]
Vectors = dict[str, Any]
# Shrinking a failure through mteb takes minutes; the case found is small enough as it is.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def assert_same(expected: dict[str, Any], actual: dict[str, Any]) -> None:
    """Both hold the same metrics with the same values to 1e-9, NaN equal to NaN."""
    assert expected.keys() == actual.keys()
    wrong = {
        name: (value, actual[name])
        for name, value in expected.items()
        if not (value == actual[name] or abs(value - actual[name]) <= 1e-9)
        and not (math.isnan(value) and math.isnan(actual[name]))
    }
    assert wrong == {}


@pytest.fixture(autouse=True, scope="module")
def _quick_loaders() -> Iterator[None]:
    """Preparing a handful of rows and validating arguments takes mteb longer than all the rest."""
    with (
        sklearn.config_context(assume_finite=True, skip_parameter_validation=True),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("mteb._create_dataloaders._prepare_dataset", lambda dataset, *_, **__: dataset)
        yield


def both(case: Case, model: Any, **attributes: Any) -> tuple[dict[str, Any], dict[str, Any], FastTask]:
    """Return a split scored by mteb and by us, and the task that holds our per-query scores."""
    results = []
    for task in (PlainTask(), FastTask()):
        for name, value in attributes.items():
            setattr(task, name, value)
        load(task, **case)
        results.append(scores(task, model))
    return (*results, task)


@st.composite
def splits(draw: st.DrawFn, *, reranking: bool = False) -> Case:
    """Small splits: ids that sort unlike their numbers, several graded positives, own ids, unknown documents."""
    documents = draw(st.lists(st.text("ab1方", min_size=1, max_size=3), min_size=1, max_size=14, unique=True))
    queries = draw(
        st.lists(
            st.one_of(st.sampled_from(documents), st.text("qz", min_size=1, max_size=3)),
            min_size=1,
            max_size=9,
            unique=True,
        )
    )
    judged = st.dictionaries(st.sampled_from([*documents, "elsewhere"]), st.integers(0, 3), min_size=1, max_size=6)
    qrels = {query: draw(judged) for query in queries}
    qrels |= draw(st.dictionaries(st.just("a query nobody asked"), judged))
    case = {"queries": queries, "documents": documents, "qrels": qrels}
    if draw(st.booleans()) and len(queries) > 1:
        del qrels[queries[-1]]
    if reranking:
        pools = st.lists(st.sampled_from(documents), unique=True, max_size=len(documents))
        case["top_ranked"] = {query: draw(pools) for query in queries if draw(st.integers(0, 9))}
    return case


@st.composite
def encoders(draw: st.DrawFn, case: Case, **kwargs: Any) -> ArrayEncoder:
    """Encoders with few distinct vectors (so that scores tie) or many."""
    dim = draw(st.integers(1, 3))
    number = st.integers(-2, 2).map(float) if draw(st.booleans()) else st.floats(-1, 1, width=32)
    vector = st.lists(number, min_size=dim, max_size=dim)
    texts = [f"text of {d}" for d in case["documents"]] + [f"query {q}" for q in case["queries"]]
    vectors = {text: np.array(draw(vector), dtype=np.float32) for text in texts}
    return ArrayEncoder(vectors, **kwargs)


K_VALUES = st.sampled_from([(1, 3, 5, 10, 20, 100, 1000), (1, 2, 10), (10, 3, 1)])
SIMILARITY = st.sampled_from([ScoringFunction.COSINE, ScoringFunction.DOT_PRODUCT, None])


@settings(max_examples=30, phases=PHASES)
@given(data=st.data())
def test_retrieval_is_equal(data: st.DataObject) -> None:
    """A whole corpus is searched and scored as by mteb: ties, grades, fewer documents than k, own ids."""
    case = data.draw(splits())
    model = data.draw(encoders(case, similarity=data.draw(SIMILARITY)))
    k_values = data.draw(K_VALUES)
    expected, actual, _ = both(
        case, model, k_values=k_values, _top_k=max(k_values), ignore_identical_ids=data.draw(st.booleans())
    )
    assert_same(expected, actual)


@settings(max_examples=30, phases=PHASES)
@given(data=st.data())
def test_reranking_is_equal(data: st.DataObject) -> None:
    """Candidates are ranked and scored as by mteb, also when a query has few or none."""
    case = data.draw(splits(reranking=True))
    model = data.draw(encoders(case, similarity=data.draw(SIMILARITY)))
    k_values = data.draw(K_VALUES)
    expected, actual, _ = both(
        case, model, k_values=k_values, _top_k=max(k_values), ignore_identical_ids=data.draw(st.booleans())
    )
    assert_same(expected, actual)


@settings(max_examples=30, phases=PHASES)
@given(data=st.data())
def test_runs_are_equal(data: st.DataObject) -> None:
    """Runs of search models are scored as by mteb, also where doubles are tied in single precision."""
    case = data.draw(splits())
    number = st.one_of(
        st.integers(-2, 2).map(float),
        st.sampled_from([1.0, 1.0 + 1e-12, 1.0 - 1e-12, -0.0, 0.0]),
        st.floats(allow_nan=False, allow_infinity=False, width=32),
    )
    documents = st.dictionaries(st.sampled_from(case["documents"]), number, max_size=len(case["documents"]))
    asked = [query for query in case["queries"] if query in case["qrels"]]
    run = {query: data.draw(documents) for query in asked}
    expected, actual, _ = both(case, RunModel(run), ignore_identical_ids=data.draw(st.booleans()))
    assert_same(expected, actual)


@pytest.fixture
def case() -> Case:
    """A split of 40 queries and 1,200 documents in 16 dimensions, more documents than are kept."""
    documents = [f"d{number}" for number in range(1200)]
    queries = [f"q{number}" for number in range(40)]
    qrels = {query: {documents[7 * row]: 1, documents[7 * row + 1]: 2} for row, query in enumerate(queries)}
    return {"queries": queries, "documents": documents, "qrels": qrels}


@pytest.fixture
def vectors(case: Case) -> Vectors:
    """Vectors of the texts of `case`; every tenth document is a copy of the first."""
    rng = np.random.default_rng(5)
    texts = [f"text of {d}" for d in case["documents"]] + [f"query {q}" for q in case["queries"]]
    found = {text: rng.standard_normal(16, dtype=np.float32) for text in texts}
    for number in range(0, 1200, 10):
        found[f"text of d{number}"] = found["text of d0"]
    return found


def test_large_corpus_with_copies_is_equal(case: Case, vectors: Vectors) -> None:
    """More documents than are kept, many of them copies: same numbers."""
    expected, actual, _ = both(case, ArrayEncoder(vectors))
    assert_same(expected, actual)


def test_ties_at_the_last_place_are_equal(case: Case, vectors: Vectors) -> None:
    """Where equal scores straddle the last place, the same documents are kept."""
    for number in range(0, 1200, 3):
        vectors[f"text of d{number}"] = vectors["text of d0"]
    expected, actual, _ = both(case, ArrayEncoder(vectors), k_values=(1, 10, 100), _top_k=100)
    assert_same(expected, actual)


def test_chunks_are_equal(case: Case, vectors: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus that is encoded in chunks is ranked as in one piece."""
    from mteb.models.search_wrappers import SearchEncoderWrapper

    monkeypatch.setattr(fast_retrieval.dense_search, "CORPUS_CHUNK", 170)
    monkeypatch.setattr(SearchEncoderWrapper.__init__, "__defaults__", (170, None))
    expected, actual, _ = both(case, ArrayEncoder(vectors))
    assert_same(expected, actual)
    expected, actual, _ = both(case, ArrayEncoder(vectors), k_values=(1, 10, 20), _top_k=20)
    assert_same(expected, actual)


def test_cross_encoders_are_equal(case: Case) -> None:
    """A cross-encoder's pairs are scored by it and ranked as by mteb."""
    pools = {query: case["documents"][row : row + 30] for row, query in enumerate(case["queries"])}
    expected, actual, task = both({**case, "top_ranked": pools}, WordOverlap())
    assert_same(expected, actual)
    assert task.per_query["default", "test"].top_ids.shape == (40, 30)


@pytest.mark.parametrize(
    "attributes",
    [{"skip_first_result": True}, {"task_specific_scores": lambda *_, **__: {"own": 1.0}}],
    ids=["skip_first_result", "own scores"],
)
def test_mteb_scores_what_we_cannot_promise(
    case: Case, vectors: Vectors, caplog: pytest.LogCaptureFixture, attributes: dict[str, Any]
) -> None:
    """Tasks with another way of scoring are left to mteb, which is said in the log."""
    caplog.set_level(logging.INFO, logger="tcmbench")
    if "task_specific_scores" in attributes:

        class Own(FastTask):
            def task_specific_scores(self, *args: Any, **kwargs: Any) -> dict[str, float]:
                return {**super().task_specific_scores(*args, **kwargs), "own": 1.0}

        actual = scores(load(Own(), **case), ArrayEncoder(vectors))
        expected = {**scores(load(PlainTask(), **case), ArrayEncoder(vectors)), "own": 1.0}
    else:
        expected, actual, _ = both(case, ArrayEncoder(vectors), **attributes)
    assert_same(expected, actual)
    assert "scored by mteb itself" in caplog.text


def test_scores_that_are_not_numbers_go_to_mteb(case: Case, vectors: Vectors, caplog: pytest.LogCaptureFixture) -> None:
    """A NaN has no place in an order: mteb's answer is given, whatever it is."""
    caplog.set_level(logging.INFO, logger="tcmbench")
    vectors["text of d3"] = np.full(16, np.nan, dtype=np.float32)
    expected, actual, _ = both(case, ArrayEncoder(vectors))
    assert_same(expected, actual)
    assert "not a number" in caplog.text


def test_scores_that_are_not_numbers_stop_a_reranking(case: Case, vectors: Vectors) -> None:
    """Reranking by NaN is refused by mteb, and so by us."""
    vectors["text of d3"] = np.full(16, np.nan, dtype=np.float32)
    pools = dict.fromkeys(case["queries"], case["documents"][:5])
    with pytest.raises(ValueError, match="NaN"):
        scores(load(FastTask(), **case, top_ranked=pools), ArrayEncoder(vectors))


def test_a_run_with_nan_is_searched_once(case: Case) -> None:
    """The run that was found is what mteb scores, without a second search."""
    run = {query: {"d1": float("nan"), "d2": 1.0} for query in case["queries"]}
    calls = []

    class Counting(RunModel):
        def search(self, queries: Any, **kwargs: Any) -> dict[str, dict[str, float]]:
            calls.append(1)
            return super().search(queries, **kwargs)

    expected = scores(load(PlainTask(), **case), RunModel(run))
    assert_same(expected, scores(load(FastTask(), **case), Counting(run)))
    assert calls == [1]


def test_per_query_scores_of_both_paths_agree(case: Case, vectors: Vectors) -> None:
    """The columns kept on the fast path are those that mteb's scoring gives."""
    _, _, fast = both(case, ArrayEncoder(vectors))
    slow = load(FastTask(), **case)
    slow.k_values = (1, 3, 5, 10, 20, 100, 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_retrieval, "_obstacle", lambda *_, **__: "a test")
        scores(slow, ArrayEncoder(vectors))
    ours, theirs = fast.per_query["default", "test"], slow.per_query["default", "test"]
    assert list(ours.metrics) == [
        "ndcg_at_10", "map_at_10", "mrr_at_10", "recall_at_1", "recall_at_5", "recall_at_10",
    ]  # fmt: skip
    for name, values in theirs.metrics.items():
        np.testing.assert_array_equal(values, ours.metrics[name])
    np.testing.assert_array_equal(theirs.query_ids, ours.query_ids)
    np.testing.assert_array_equal(theirs.top_ids, ours.top_ids)
    np.testing.assert_array_equal(theirs.top_scores, ours.top_scores)
    np.testing.assert_array_equal(theirs.top_ids[:, 0], ours.top1)


def test_own_ids_are_left_out_of_the_top_lists(vectors: Vectors, case: Case) -> None:
    """With ignore_identical_ids a query's own document is in none of its lists."""
    case = {**case, "queries": case["documents"][:40]}
    case["qrels"] = {query: {"d5": 1, query: 1} for query in case["queries"]}
    for query in case["queries"]:
        vectors[f"query {query}"] = vectors[f"text of {query}"]
    expected, actual, task = both(case, ArrayEncoder(vectors), ignore_identical_ids=True)
    assert_same(expected, actual)
    found = task.per_query["default", "test"]
    assert not [query for query, top in zip(found.query_ids, found.top_ids, strict=True) if query in top]
    assert found.top_ids.shape == (40, 100)
    assert (found.top_ids != "").all()


def test_tasks_add_scores_of_their_own(case: Case, vectors: Vectors) -> None:
    """`query_scores` adds to what is reported and stays on the fast path."""

    class Own(FastTask):
        def query_scores(self, per_query: PerQuery, *, split: str, subset: str) -> dict[str, Any]:
            return {"answered": float(len(per_query.query_ids)), "where": f"{subset}/{split}"}

    actual = scores(load(Own(), **case), ArrayEncoder(vectors))
    assert (actual["answered"], actual["where"]) == (40.0, "default/test")


def test_an_override_that_hides_the_queries_is_refused(case: Case, vectors: Vectors) -> None:
    """Without per-query scores nothing can be compared: an error, not a silent gap."""

    class Hiding(FastTask):
        def task_specific_scores(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            return {}

    with pytest.raises(EvaluationError, match="super"):
        scores(load(Hiding(), **case), ArrayEncoder(vectors))


def test_install_keeps_the_task(case: Case, vectors: Vectors) -> None:
    """Any mteb retrieval task takes the fast path in place and keeps its name and numbers."""
    task = load(PlainTask(), **case)
    expected = scores(task, ArrayEncoder(vectors))
    fast = fast_retrieval.install(task)
    assert fast is task
    assert fast_retrieval.install(fast) is fast
    assert type(fast).__name__ == "PlainTask"
    assert_same(expected, scores(fast, ArrayEncoder(vectors)))
    assert ("default", "test") in fast.per_query


def test_install_refuses_other_tasks() -> None:
    """A task without a ranking is named in the error."""
    import mteb

    with pytest.raises(EvaluationError, match="ATEC"):
        fast_retrieval.install(mteb.get_task("ATEC"))


def test_a_wrong_mean_is_an_error() -> None:
    """A reported number that its queries don't average to is not passed on."""
    queries = np.array(["a", "b"], dtype=object)
    found = per_query.PerQuery(queries, {"ndcg_at_10": np.array([1.0, 0.5])}, np.full((2, 0), ""), np.zeros((2, 0)))
    per_query.check_means(found, {"ndcg_at_10": 0.75}, where="here")
    with pytest.raises(ParityError, match=r"here: ndcg_at_10 is reported as 0\.7501"):
        per_query.check_means(found, {"ndcg_at_10": 0.7501}, where="here")


@settings(max_examples=100)
@given(st.integers(1, 300), st.integers(1, 7))
def test_row_blocks_cover_all_rows_and_never_one(rows: int, size: int) -> None:
    """Blocks follow each other without a gap, and a lone row is never cut off."""
    blocks = list(topk.row_blocks(rows, size=size))
    assert [row for block in blocks for row in range(block.start, block.stop)] == list(range(rows))
    assert rows == 1 or all(block.stop - block.start > 1 for block in blocks)


@settings(max_examples=200)
@given(st.data())
def test_top_k_is_the_sorted_list(data: st.DataObject) -> None:
    """The best k by (score, id) descending, whatever ties."""
    rows, documents = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 12))
    ids = data.draw(st.lists(st.text("ab", max_size=4), min_size=documents, max_size=documents, unique=True))
    table = np.array(
        data.draw(st.lists(st.integers(0, 3), min_size=rows * documents, max_size=rows * documents)),
        dtype=np.float32,
    ).reshape(rows, documents)
    found = topk.top_k(table, k=documents, order=topk.id_order(ids))
    for row in range(rows):
        expected = sorted(((float(s), i) for s, i in zip(table[row], ids, strict=True)), reverse=True)
        actual = [(float(s), ids[i]) for s, i in zip(found.scores[row], found.documents[row], strict=True)]
        assert expected == actual
