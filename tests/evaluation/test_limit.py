"""A quick look measures a fixed sample, and its scores are never those of the whole task."""

from __future__ import annotations

from typing import Any

import pytest
from datasets import Dataset

from tcmbench import models, tasks
from tcmbench.errors import DataError
from tcmbench.evaluation import run
from tcmbench.records.cells import Cells
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.runs.cards import task_cards
from tcmbench.specs.suite import Suite
from tcmbench.tasks import sampling
from tcmbench.workspace import Workspace
from tests import running

LIMIT = 12


def _planned(place: Workspace, limit: int | None) -> PlannedSuite:
    return tasks.plan_suite(place, place.spec(Suite, "tiny").model_copy(update={"limit": limit}))


@pytest.fixture(scope="module")
def measured(tiny: Workspace) -> dict[str, dict[int | None, Cells]]:
    """Two models on the whole suite, on samples, and on samples that are larger than the tasks."""
    return {
        name: {
            limit: running.measured(tiny, models.base_model(tiny, name), _planned(tiny, limit))
            for limit in (None, LIMIT, 1_000_000)
        }
        for name in ("bm25", "hashed-chars")
    }


def test_every_type_of_task_is_sampled(measured: dict[str, dict[int | None, Cells]]) -> None:
    """At most as many items as were asked for, with a note; clustering measures its experiments on so many texts."""
    scores = measured["hashed-chars"][LIMIT].scores
    assert scores.keys() == measured["hashed-chars"][None].scores.keys()
    for name, score in scores.items():
        assert score.record.items <= LIMIT, name
        assert any(note.startswith(f"a fixed sample: {LIMIT} of ") for note in score.record.notes), name
    whole = measured["hashed-chars"][None].scores
    assert all("sample" not in note for score in whole.values() for note in score.record.notes)


@pytest.mark.parametrize("name", ["bm25", "hashed-chars"])
def test_a_query_scores_as_in_the_whole_task(name: str, measured: dict[str, dict[int | None, Cells]]) -> None:
    """The corpus is whole, so no query is easier; and both models are asked the same ones."""
    for column in ("TinyRetrieval", "TinyQA", "TinyTwoStage", "TinyReranking", "TinyTable"):
        sampled, whole = (measured[name][limit].scores[column].items().to_pydict() for limit in (LIMIT, None))
        values = dict(zip(whole["item"], whole["ndcg_at_10"], strict=True))
        assert sampled["ndcg_at_10"] == [values[item] for item in sampled["item"]]
        other = measured["bm25"][LIMIT].scores[column].items()
        assert sorted(sampled["item"]) == sorted(other["item"].to_pylist())
        assert set(sampled["item"]) < set(whole["item"])


def test_a_text_of_a_sample_has_the_name_of_its_row(
    tiny: Workspace, measured: dict[str, dict[int | None, Cells]]
) -> None:
    """Its name stands for the same text, with the same label, as in the whole task: a board may show both."""
    sampled, whole = (
        measured["hashed-chars"][limit].scores["TinyHeadlines"].items().to_pydict() for limit in (LIMIT, None)
    )
    labels = dict(zip(whole["item"], whole["group"], strict=True))
    assert sampled["item"] != [str(number) for number in range(LIMIT)]
    assert sampled["group"] == [labels[item] for item in sampled["item"]]
    cards = task_cards(tiny, _planned(tiny, LIMIT), show_text=True)
    assert set(sampled["item"]) <= cards["TinyHeadlines"].texts.keys()


def test_a_sample_of_everything_scores_as_the_whole_and_is_separate(
    tiny: Workspace, measured: dict[str, dict[int | None, Cells]]
) -> None:
    """Same values under another key: a limit is never read for the full score, nor the other way round."""
    whole, all_of_it = (measured["hashed-chars"][limit].scores for limit in (None, 1_000_000))
    for name, score in whole.items():
        assert all_of_it[name].record.value == score.record.value
        assert all_of_it[name].record.task_revision != score.record.task_revision
        assert all_of_it[name].folder != score.folder
    model = models.base_model(tiny, "hashed-chars")
    assert len(run.missing(tiny, model, _planned(tiny, LIMIT + 1))) == len(whole)
    assert run.missing(tiny, model, _planned(tiny, LIMIT)) == ()


def test_results_of_a_sample_are_no_results_of_mteb(
    tiny: Workspace, measured: dict[str, dict[int | None, Cells]]
) -> None:
    """Mteb's tools read the whole tasks' results from their folder, and samples have another."""
    del measured
    assert (tiny.cache / f"mteb/limit-{LIMIT}/results").is_dir()
    whole = next((tiny.cache / "mteb/results").rglob("TinyQA.json"))
    sampled = next((tiny.cache / f"mteb/limit-{LIMIT}").rglob("TinyQA.json"))
    assert whole.read_text("utf-8") != sampled.read_text("utf-8")


def test_added_rows_displace_few() -> None:
    """Pairs and texts are chosen by content, wherever they stand; equal ones are told apart."""
    before = [["a", 1], ["b", 2], ["c", 3], ["d", 4], ["a", 1]]
    after = [["new", 9], *before]
    kept, then = ([tuple(rows[place]) for place in sampling._places(rows, 3)] for rows in (before, after))
    assert len(kept) == len(then) == 3
    assert len(set(kept) - set(then)) <= 1
    assert sampling._places(before, 9) == [0, 1, 2, 3, 4]


def test_a_sample_with_one_label_measures_nothing(tiny: Workspace) -> None:
    """Average precision over pairs that are all alike would be 100 for every model, or undefined."""
    task = tasks.plan_suite(tiny, tiny.spec(Suite, "tiny")).tasks["TinyPairs"]
    instance = tasks.instantiate(task, "test")
    instance.load_data()
    with pytest.raises(DataError, match=r"TinyPairs: the 1 of [\d,]+ items all have the same label"):
        sampling.restrict(instance, 1, split="test", subset="default")


def test_a_sample_without_an_answer_measures_nothing(tiny: Workspace) -> None:
    """Judged queries without a relevant document would score 0 with every model."""
    task = tasks.plan_suite(tiny, tiny.spec(Suite, "tiny")).tasks["TinyQA"]
    instance: Any = tasks.instantiate(task, "test")
    instance.load_data()
    judged = instance.dataset["default"]["test"]["relevant_docs"]
    sampling.restrict(instance, 2, split="test", subset="default")
    for query in judged.keys() & instance.dataset["default"]["test"]["relevant_docs"].keys():
        judged[query] = dict.fromkeys(judged[query], 0)
    instance.dataset["default"]["test"]["relevant_docs"] = judged
    with pytest.raises(DataError, match=r"TinyQA: the 2 queries of a sample of \d+ have no relevant document"):
        sampling.restrict(instance, 2, split="test", subset="default")


def test_pairs_in_one_row_are_sampled() -> None:
    """Older pair classification of mteb holds all its pairs in the lists of one row."""
    rows = Dataset.from_dict({"sentence1": [["a", "b", "c"]], "sentence2": [["d", "e", "f"]], "labels": [[0, 1, 0]]})
    kept, said = sampling._rows(rows, 2, is_numbered=False)
    assert (len(kept), str(said)) == (1, "2 of 3 items")
    row = kept[0]
    assert len(row["sentence1"]) == 2
    assert set(zip(row["sentence1"], row["sentence2"], row["labels"], strict=True)) < {
        ("a", "d", 0), ("b", "e", 1), ("c", "f", 0),
    }  # fmt: skip
