"""Scores equal mteb's own, are kept with their items, and are never shown for anything else."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import mteb
import numpy as np
import pytest

from tcmbench import models, tasks
from tcmbench.errors import DataAbsent, UnknownName
from tcmbench.evaluation import evaluate
from tcmbench.evaluation import item_tables as items
from tcmbench.models.revisions import revision
from tcmbench.records.cells import Cells
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.specs.suite import Suite
from tcmbench.tasks.registration import register_with_mteb
from tcmbench.workspace import Workspace
from tests import running

MODELS = ("bm25", "hashed-chars", "tfidf", "random")


@pytest.fixture(scope="module")
def planned(tiny: Workspace) -> PlannedSuite:
    """The suite with its tasks looked up."""
    return tasks.plan_suite(tiny, tiny.spec(Suite, "tiny"))


@pytest.fixture(scope="module")
def measured(tiny: Workspace, planned: PlannedSuite) -> dict[str, Cells]:
    """Every baseline on every column."""
    return {name: running.measured(tiny, models.base_model(tiny, name), planned) for name in MODELS}


# mteb's own classification scores warn of classes that a probe never predicted
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("name", ["bm25", "hashed-chars"])
def test_scores_equal_a_plain_run_of_mteb(
    name: str, tiny: Workspace, planned: PlannedSuite, measured: dict[str, Cells]
) -> None:
    """Every number mteb reports for a task and model is the one stored."""
    register_with_mteb(workspace=tiny)
    model = models.base_model(tiny, name)
    loaded = models.load(model, cache=tiny.cache / "plain")
    for column, score in measured[name].scores.items():
        record = score.record
        task = mteb.get_task(record.task, eval_splits=[record.split])
        result = mteb.evaluate(loaded, task, cache=None, co2_tracker=False, show_progress_bar=False).task_results[0]
        reported = result.scores[record.split][0]
        for metric, value in record.metrics.items():
            assert reported[metric] == pytest.approx(value, abs=1e-9), f"{column} {metric}"
        assert round(record.value, 5) == pytest.approx(reported[record.metric], abs=1e-5)


def test_every_column_has_a_score_or_a_reason(planned: PlannedSuite, measured: dict[str, Cells]) -> None:
    """No cell is blank: a score, or why there is none."""
    columns = {column.column for column in planned.suite.tasks}
    for name, cells in measured.items():
        assert columns == set(cells.scores) | set(cells.states)
        assert all(state.reason for state in cells.states.values()), name
    assert measured["bm25"].states["TinyAbsent"].state == "not_measured"
    assert "Ask the author." in str(measured["bm25"].states["TinyAbsent"].reason)
    assert measured["bm25"].states["TinySTS"].state == "not_applicable"
    assert {"TinyAbsent"} == set(measured["hashed-chars"].states)


def test_items_give_the_value_and_name_patients(measured: dict[str, Cells]) -> None:
    """The per-item table averages to the score and says which items belong together."""
    for cells in measured.values():
        for score in cells.scores.values():
            table = score.items()
            value = items.recompute(table, metric=score.record.metric, statistic=score.record.statistic)
            assert value == pytest.approx(score.record.value, abs=1e-12)
            assert table.num_rows == score.record.items
    table = measured["bm25"].scores["TinyRetrieval"].items()
    assert len(set(table["cluster"].to_pylist())) < table.num_rows, "some patients have several records"
    assert all(table["group"].to_pylist())


def test_texts_of_a_classification_have_their_labels(measured: dict[str, Cells]) -> None:
    """By the names in the files, not by the numbers that mteb knows them by: `compare` names labels that lost."""
    labels, records = (
        set(measured["hashed-chars"].scores[name].items()["group"].to_pylist())
        for name in ("TinyProbe", "TinyRetrieval")
    )
    assert len(labels) > 1
    assert labels <= records


def test_models_rank_as_they_must(measured: dict[str, Cells]) -> None:
    """Lexical baselines beat noise on every task where words help."""
    for column in ("TinyRetrieval", "TinyQA", "TinySTS", "TinyReranking"):
        assert measured["hashed-chars"].scores[column].record.value > measured["random"].scores[column].record.value


def test_closed_pool_reports_what_a_classifier_would(measured: dict[str, Cells]) -> None:
    """Accuracy of the closed pool is the share of records whose first document is right."""
    score = measured["bm25"].scores["TinyClosed"]
    assert score.record.metric == "accuracy"
    hits = np.array(score.items()["accuracy"].to_pylist())
    assert hits.mean() == pytest.approx(score.record.value)
    assert {"macro_f1", "macro_recall_at_1"} <= set(score.record.metrics)


def test_second_run_measures_nothing(
    tiny: Workspace, planned: PlannedSuite, measured: dict[str, Cells], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored is taken from the store; the model isn't even loaded."""
    monkeypatch.setattr(models, "load", lambda *_, **__: pytest.fail("the model was loaded"))
    again = running.measured(tiny, models.base_model(tiny, "bm25"), planned)
    assert {c: s.record for c, s in measured["bm25"].scores.items()} == {c: s.record for c, s in again.scores.items()}


def test_changed_data_is_another_task(tiny: Workspace, tmp_path: Path, measured: dict[str, Cells]) -> None:
    """A changed data file changes the revision, so the old score isn't shown for it."""
    root = tmp_path / "data"
    shutil.copytree(tiny.data_root, root)
    before = tasks.resolve(tiny, "TinyRetrieval")
    path = root / "tcm-synth/test.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    changed = replace(tiny, data_root=root)
    after = tasks.resolve(changed, "TinyRetrieval")
    assert before.revision != after.revision
    model = models.base_model(tiny, "bm25")
    assert evaluate.stored(tiny.store, model, before, split="test", subset="default") is not None
    assert evaluate.stored(tiny.store, model, after, split="test", subset="default") is None


def test_changed_prompt_or_length_is_another_model(tiny: Workspace) -> None:
    """Prompt, length, pooling and precision are part of what a model is."""
    base = models.base_model(tiny, "hashed-chars").base
    changes = (
        {"query_prompt": "x"},
        {"max_length": 64},
        {"pooling": "cls"},
        {"dtype": "bfloat16"},
        {"options": {"dimensions": 64}},
    )
    revisions = {revision(base.model_copy(update=change), None) for change in ({}, *changes)}
    assert 1 + len(changes) == len(revisions)


def test_mteb_reads_our_results(tiny: Workspace, measured: dict[str, Cells]) -> None:
    """Mteb's own result cache holds what was measured, under our model names."""
    found = list((tiny.cache / "mteb").rglob("TinyQA.json"))
    assert len(MODELS) == len(found)
    assert {"TinyQA"} == {json.loads(path.read_text(encoding="utf-8"))["task_name"] for path in found}


def test_unknown_task_suggests(tiny: Workspace) -> None:
    """A misspelt task answers with the close one."""
    with pytest.raises(UnknownName, match="Did you mean 'TinyRetrieval'"):
        tasks.resolve(tiny, "TinyRetrival")


def test_mteb_sees_tasks_and_benchmarks(tiny: Workspace) -> None:
    """After registration mteb finds our tasks, those without data too, and our benchmarks."""
    names = register_with_mteb(workspace=tiny)
    assert {"TCMSDRetrieval", "TinyRetrieval"} <= set(names)
    assert mteb.get_task("TCMSDRetrieval").metadata.name == "TCMSDRetrieval"
    benchmark = mteb.get_benchmark("TCM(zho, v1)")
    assert "TCMSDRetrieval" in {task.metadata.name for task in benchmark.tasks}
    with pytest.raises(DataAbsent, match="TCMSDRetrieval"):
        mteb.get_task("TCMSDRetrieval").load_data()
