"""Exports of a board: what each library reads back is what the board shows."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from tcmbench.boards.build import build
from tcmbench.boards.options import Options
from tcmbench.errors import MissingExtra, SpecError
from tcmbench.publishing import exports
from tcmbench.publishing.exports import StoredBoard
from tcmbench.publishing.exports._runs import runs
from tcmbench.publishing.exports.mlflow import _names as mlflow_names
from tcmbench.publishing.exports.mteb import _is_of_one_data_set
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.workspace import find
from tests.boards.fake import POLICIES, Shape, make

if TYPE_CHECKING:
    from tcmbench.boards.table import Table


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> StoredBoard:
    """A board of made-up scores, some of them missing."""
    folder = tmp_path_factory.mktemp("export")
    fake = make(folder / "scores", Shape(variants=2, columns=3))
    table = build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES, cards=fake.cards))
    return StoredBoard(find(folder), table, PlannedSuite(fake.suite, {}), fake.entries)


def scores(table: Table) -> dict[tuple[str, str], float]:
    """Return model and column → score of every measured cell."""
    return {
        (row.name, name): cell.score.value
        for row in table.rows
        for name, cell in row.cells.items()
        if cell.score is not None
    }


def test_csv_and_parquet_have_every_score_of_the_board(board: StoredBoard, tmp_path: Path) -> None:
    """Both have one line per model and task, and Parquet says what it is of."""
    import pyarrow.parquet as pq

    said = [line for name in ("csv", "parquet") for line in exports.export(board, name, folder=tmp_path)]
    assert said == [str(tmp_path / f"{board.name}.csv"), str(tmp_path / f"{board.name}.parquet")]
    wanted = {key: round(value, 4) for key, value in scores(board.table).items()}
    with (tmp_path / f"{board.name}.csv").open(encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if line["status"] == "measured" and line["score"]]
    read = {(line["model"], line["column"]): float(line["score"]) for line in lines if line["role"] != "column"}
    assert {key: read[key] for key in wanted} == pytest.approx(wanted)
    table = pq.read_table(tmp_path / f"{board.name}.parquet")
    assert table.schema.metadata[b"sha256"] == board.table.digest.encode()
    rows = {(row["model"], row["column"]): row["score"] for row in table.to_pylist()}
    assert {key: rows[key] for key in wanted} == pytest.approx(wanted)


def test_a_run_of_a_tracker_is_a_row(board: StoredBoard) -> None:
    """It has the scores, changes and intervals of the row, no figure for a cell without one, and an identity."""
    one = next(run for run in runs(board.table) if run.tags["tcmbench.kind"] == "variant")
    row = board.table.row(one.name)
    measured = {f"score/{name}": cell.score.value for name, cell in row.cells.items() if cell.score is not None}
    assert {name: one.metrics[name] for name in measured} == measured
    assert {name for name in one.metrics if name.startswith("score/") and not name.endswith(("_low", "_high"))} == set(
        measured
    )
    assert [run.identity for run in runs(board.table)] == [run.identity for run in runs(board.table)]
    other = replace(board.table, digest="0" * 64)
    assert not {run.identity for run in runs(board.table)} & {run.identity for run in runs(other)}


def test_tensorboard_reads_the_scores_back(board: StoredBoard, tmp_path: Path) -> None:
    """A second export replaces the first."""
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):
        exports.export(board, "tensorboard", folder=tmp_path)
    one = next(run for run in runs(board.table) if run.tags["tcmbench.kind"] == "variant")
    events = EventAccumulator(str(tmp_path / board.table.label / one.name)).Reload()
    values = {name: [event.value for event in events.Scalars(name)] for name in one.metrics}
    assert values == {name: [pytest.approx(value, rel=1e-5)] for name, value in one.metrics.items()}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's use of SQLAlchemy
def test_mlflow_reads_the_scores_back_and_no_run_is_written_twice(
    board: StoredBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The experiment is in the folder, and needs no server."""
    mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
    monkeypatch.setenv("MLFLOW_ENABLE_TELEMETRY", "false")
    said = [exports.export(board, "mlflow", folder=tmp_path / "m")[0] for _ in range(2)]
    rows = runs(board.table)
    assert [line.partition(";")[0].rpartition(", ")[2] for line in said] == [f"{len(rows)} new runs", "0 new runs"]
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'm' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(f"tcmbench-{board.name}").experiment_id
    found = {run.info.run_name: run.data for run in client.search_runs([experiment])}
    assert {name: data.metrics for name, data in found.items()} == {
        run.name: {**run.metrics, **{name: curve[-1].value for name, curve in run.curves.items()}} for run in rows
    }


@pytest.mark.parametrize(
    ("trained_on", "task", "is_one"),
    [
        ("tcm-pictures", "tcm-pictures", True),
        ("my-retrieval/", "my-retrieval", True),
        ("my-data/train.csv", "my-data", True),
        ("my-data/train.csv", "my-data/test.csv", True),
        ("general/lcqmc-train.jsonl", "general/lcqmc.test.jsonl", True),
        ("general/lcqmc-train.jsonl", "general/lcqmc-test.jsonl", True),
        ("general/lcqmc.jsonl", "general/afqmc.jsonl", False),
        ("general/latest.jsonl", "general/la.jsonl", False),
        ("other/train.csv", "my-data/test.csv", False),
    ],
)
def test_splits_of_one_data_set_are_not_zero_shot(trained_on: str, task: str, is_one: bool) -> None:
    """By folder, or by the names of files: mteb marks scores by the tasks that a model was trained on."""
    assert _is_of_one_data_set(PurePosixPath(trained_on), PurePosixPath(task)) is is_one


def test_names_are_as_mlflow_takes_them() -> None:
    """Those of views have brackets, which it refuses; two names never become one."""
    names = ["score/T[entry_fields=name+definition]", "score/T[entry_fields=name_definition]", "change/证型 检索"]
    taken = list(mlflow_names(names).values())
    assert taken == ["score/T_entry_fields_name_definition_", "score/T_entry_fields_name_definition__2", names[2]]
    assert all(re.fullmatch(r"[/\w.\- ]+", name) for name in taken)


@pytest.mark.parametrize("name", ["wandb", "swanlab"])
def test_trackers_write_offline(name: str, board: StoredBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run per row, in the folder, without a network or a key."""
    pytest.importorskip(name, reason=f"needs the extra {name}")
    monkeypatch.chdir(tmp_path)
    first = replace(board.table, rows=board.table.rows[:2])
    said = exports.export(replace(board, table=first), name, folder=tmp_path / "out")
    pattern = {"wandb": "wandb/offline-run-*/*.wandb", "swanlab": "run-*"}[name]
    assert len(list((tmp_path / "out").glob(pattern))) == len(runs(first))
    assert "sync" in said[0]


def test_a_library_that_is_absent_is_named_with_its_extra(
    board: StoredBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is written."""
    import sys

    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtra, match=r"pip install 'tcmbench\[wandb\]'"):
        exports.export(board, "wandb", folder=tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_files_are_sent_nowhere(board: StoredBoard, tmp_path: Path) -> None:
    """--online has no meaning for them."""
    with pytest.raises(SpecError, match="writes files only"):
        exports.export(board, "csv", folder=tmp_path, is_online=True)
