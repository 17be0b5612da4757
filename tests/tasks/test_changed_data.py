"""Data that changes between planning and reading is refused, and nothing of it is stored."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tcmbench import models, tasks
from tcmbench.data import encodings, lines, reading
from tcmbench.errors import DataAbsent, DataError
from tcmbench.specs.suite import Suite
from tcmbench.specs.variant import Variant
from tcmbench.tuning import training_data
from tcmbench.tuning.recipe import parts_of
from tests.running import measured
from tests.task_types.folders import workspace_of, write_beir, write_lines

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace

TASKS = {
    "Found": 'type = "retrieval"\npath = "beir"\n',
    "Ordered": 'type = "two_stage"\npath = "beir"\n',
    "Pairs": 'type = "pair_classification"\npath = "pairs.jsonl"\n',
    "Records": 'type = "syndrome_reranking"\npath = "records"\n',
}
FILES = {"Found": "beir/corpus.jsonl", "Ordered": "beir/qrels/test.tsv", "Pairs": "pairs.jsonl"}


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """A workspace with a task of each way of reading."""
    write_beir(tmp_path / "data/beir")
    pairs = [
        {"sentence1": "头痛", "sentence2": "头疼", "label": 1},
        {"sentence1": "心悸", "sentence2": "腹胀", "label": 0},
    ]
    write_lines(tmp_path / "data/pairs.jsonl", pairs)
    records = [{"user_id": str(n), "norm_syndrome": f"证{n}", "chief_complaint": f"头痛{n}天"} for n in range(3)]
    for split in ("train", "test"):
        write_lines(tmp_path / f"data/records/{split}.jsonl", records)
    write_lines(tmp_path / "data/records/syndrome_knowledge.jsonl", [{"Name": f"证{n}"} for n in range(3)])
    return workspace_of(tmp_path, TASKS)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_edited_after_planning_is_refused(place: Workspace, name: str) -> None:
    """The message names the file, and no candidates are made of it."""
    task = tasks.resolve(place, name)
    path = place.data_root / FILES[name]
    path.write_bytes(path.read_bytes() + b"\n")

    with pytest.raises(DataError, match=f"{path}: the file changed during the run"):
        tasks.instantiate(task, "test").load_data()
    assert not (place.cache / "candidates").exists()


def test_a_failed_reading_is_not_taken_for_a_loaded_task(place: Workspace) -> None:
    """A second attempt reads again."""
    task = tasks.instantiate(tasks.resolve(place, "Found"), "test")
    path = place.data_root / "beir/corpus.jsonl"
    before = path.read_bytes()
    path.write_bytes(before + b"\n")
    with pytest.raises(DataError, match="changed"):
        task.load_data()
    path.write_bytes(before)
    task.load_data()

    assert task.data_loaded
    assert len(task.dataset["default"]["test"]["corpus"]) == 4


def test_no_score_of_changed_data_is_stored(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cell says why; the other tasks are measured, and after planning again it is measured too."""
    suite = place.spec(Suite, "all")
    planned, model = tasks.plan_suite(place, suite), models.base_model(place, "hashed-chars")
    path = place.data_root / "beir/corpus.jsonl"
    path.write_text(path.read_text("utf-8").replace("头痛发热", "腹痛腹泻"), "utf-8")
    monkeypatch.setattr("tcmbench.evaluation.run.logger.disabled", True)

    cells = measured(place, model, planned)
    assert {name: "changed" in str(state.reason) for name, state in cells.states.items()} == {
        "Found": True,
        "Ordered": True,
    }
    assert set(cells.scores) == {"Pairs", "Records"}

    again = measured(place, model, tasks.plan_suite(place, suite))
    assert set(again.scores) == set(TASKS)


def test_a_file_that_appears_after_planning_is_refused(place: Workspace) -> None:
    """A label map would rename the labels of a score whose key doesn't hold it."""
    task = tasks.resolve(place, "Records")
    (place.data_root / "records/label_map.txt").write_text("证1,证2,MERGE\n", "utf-8")

    with pytest.raises(DataError, match="label_map"):
        tasks.instantiate(task, "test").load_data()


def test_a_file_that_disappears_after_planning_is_refused(place: Workspace) -> None:
    """Although nothing tries to read it."""
    label_map = place.data_root / "records/label_map.txt"
    label_map.write_text("证9,证2,MERGE\n", "utf-8")
    task = tasks.resolve(place, "Records")
    label_map.unlink()

    with pytest.raises(DataAbsent, match="label_map"):
        tasks.instantiate(task, "test").load_data()


def test_training_data_that_is_edited_after_hashing_is_refused(place: Workspace) -> None:
    """The model's key is the hash, so no model is trained on anything else."""
    variant = Variant(name="v", base="b", data="records")
    data = parts_of(place, variant)[0].data
    training_data._read.cache_clear()
    path = place.data_root / "records/train.jsonl"
    path.write_bytes(path.read_bytes().replace("头痛".encode(), "腹痛".encode()))

    with pytest.raises(DataError, match=f"{path}: the file changed"):
        data.read()


def test_files_that_others_read_are_compared_afterwards(tmp_path: Path) -> None:
    """A task type of another package may open its files itself."""
    path = tmp_path / "rows"
    path.write_text("a")
    expected = reading.hashed([path])
    with reading.pinned(expected):
        path.read_text()

    path.write_text("b")
    with pytest.raises(DataError, match="changed"), reading.pinned(expected):
        path.read_text()


def test_a_file_that_changes_between_two_readings_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoding and rows are read separately."""
    path = write_lines(tmp_path / "rows.jsonl", [{"a": 1}])
    detect = encodings.detect

    def edited(file: Path) -> encodings.Detected:
        seen = detect(file)
        write_lines(file, [{"a": 2}])
        return seen

    monkeypatch.setattr(encodings, "detect", edited)
    with pytest.raises(DataError, match="changed"):
        list(lines.iter_objects(path))


@pytest.mark.parametrize("damage", ["folder", "pipe"])
def test_a_file_that_cannot_be_read_costs_its_own_columns(place: Workspace, damage: str) -> None:
    """The rest of the suite is planned."""
    path = place.data_root / "pairs.jsonl"
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    planned = tasks.plan_suite(place, place.spec(Suite, "all"))

    assert set(planned.tasks) == {"Found", "Ordered", "Records"}
    assert "expected a file, got" in str(planned.absent["Pairs"])
