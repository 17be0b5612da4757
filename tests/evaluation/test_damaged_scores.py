"""A stored score is shown only while it is the score of its key and follows from the items beside it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tcmbench import api, models, tasks
from tcmbench.comparison.measured import measured
from tcmbench.errors import DamagedArtefact
from tcmbench.evaluation import evaluate, run
from tcmbench.records.entry import Entry
from tcmbench.specs.suite import Suite, SuiteTask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.workspace import Workspace

SUITE = Suite(name="pair", tasks=tuple(SuiteTask(task=name, role="general") for name in ("TinySTS", "TinyPairs")))


@pytest.fixture
def place(tiny: Workspace, tmp_path: Path) -> Workspace:
    """A workspace whose store has two scores of the model `random`."""
    place = replace(tiny, cache=tmp_path)
    run.measure(place, model_of(place), SUITE.tasks, planned_of(place), emit=lambda _: None)
    return place


def model_of(place: Workspace) -> Model:
    """Return the model."""
    return models.base_model(place, "random")


def planned_of(place: Workspace) -> PlannedSuite:
    """Return the suite."""
    return tasks.plan_suite(place, SUITE)


def folder_of(place: Workspace, column: int) -> Path:
    """Return the folder of a score."""
    return place.store.path(evaluate.KIND, run.key_of(model_of(place), SUITE.tasks[column], planned_of(place)))


def edit_value(folder: Path, _: Path) -> None:
    """Raise the value."""
    path = folder / "score.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, "value": record["value"] + 0.01}), encoding="utf-8")


def copy_other(folder: Path, other: Path) -> None:
    """Put another score in its place."""
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def copy_files(folder: Path, other: Path) -> None:
    """Put score and items of another in its place, under its own manifest."""
    for name in ("score.json", "items.parquet"):
        shutil.copyfile(other / name, folder / name)


def flip_items(folder: Path, _: Path) -> None:
    """Flip a bit in the middle of the items."""
    path = folder / "items.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 16
    path.write_bytes(data)


def lose_items(folder: Path, _: Path) -> None:
    """Remove the items."""
    (folder / "items.parquet").unlink()


def cut_manifest(folder: Path, _: Path) -> None:
    """Write half of the manifest."""
    path = folder / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8")[:-30], encoding="utf-8")


DAMAGE = (edit_value, copy_other, copy_files, flip_items, lose_items, cut_manifest)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_score_is_not_shown_and_measured_again(
    place: Workspace, damage: Callable[[Path, Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happened to its files: the cell says so, and the next run has the right value."""
    model, planned = model_of(place), planned_of(place)
    before = run.read(place, model, planned)
    folder = folder_of(place, 0)
    damage(folder, folder_of(place, 1))

    cells = run.read(place, model, planned)
    state = cells.states["TinySTS"]
    assert set(cells.scores) == {"TinyPairs"}
    assert state.state == "failed"
    assert state.reason is not None
    assert state.reason.code == "damaged"
    assert str(state.reason).startswith(
        f"the stored result is damaged and not shown (scores/{folder.name[:2]}/{folder.name}"
    )
    assert run.missing(place, model, planned) == SUITE.tasks[:1]

    run.measure(place, model, run.missing(place, model, planned), planned, emit=lambda _: None)
    assert "It is measured again" in caplog.text
    after = run.read(place, model, planned)
    assert after.states == {}
    assert {c: s.record.value for c, s in after.scores.items()} == {c: s.record.value for c, s in before.scores.items()}
    assert after.scores["TinySTS"].items().equals(before.scores["TinySTS"].items())


def test_a_score_of_an_earlier_version_gets_its_manifest(place: Workspace) -> None:
    """It had none: it counts where it is the score of its key and its items give its value."""
    folder = folder_of(place, 0)
    (folder / "manifest.json").unlink()
    cells = run.read(place, model_of(place), planned_of(place))
    assert set(cells.scores) == {"TinySTS", "TinyPairs"}
    assert (folder / "manifest.json").is_file()


@pytest.mark.parametrize("damage", [edit_value, copy_files, lose_items])
def test_a_score_without_manifest_is_compared_with_its_items(
    place: Workspace, damage: Callable[[Path, Path], None]
) -> None:
    """What can be checked without one is: key, value, and that there are items."""
    folder = folder_of(place, 0)
    damage(folder, folder_of(place, 1))
    (folder / "manifest.json").unlink()
    with pytest.raises(DamagedArtefact):
        evaluate.adopt(place.store, folder.name)
    assert set(run.read(place, model_of(place), planned_of(place)).scores) == {"TinyPairs"}
    assert not (folder / "manifest.json").exists()


def cut_items(folder: Path, _: Path) -> None:
    """Keep half of the items' file."""
    path = folder / "items.parquet"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_items(folder: Path, other: Path) -> None:
    """Put the items of another score in their place."""
    shutil.copyfile(other / "items.parquet", folder / "items.parquet")


@pytest.mark.parametrize("damage", [cut_items, flip_items, other_items, lose_items])
def test_items_that_are_damaged_after_the_score_was_read_are_refused(
    place: Workspace, damage: Callable[[Path, Path], None]
) -> None:
    """Whoever has a score in hand, in a notebook or for a comparison, gets its own items or none."""
    scores = run.read(place, model_of(place), planned_of(place)).scores
    held = api.Evaluation("random", scores, dict.fromkeys(scores, "general"))
    entry = Entry(name="random", title="random", kind="base", scores={name: (score,) for name, score in scores.items()})
    whole = (len(held.to_pandas(items=True)), len(measured(entry).items))
    assert whole == (sum(score.record.items for score in scores.values()), 2)

    damage(folder_of(place, 0), folder_of(place, 1))
    for use in (scores["TinySTS"].items, lambda: held.to_pandas(items=True), lambda: measured(entry)):
        with pytest.raises(DamagedArtefact, match=r"items\.parquet: .* Run again"):
            use()


@pytest.mark.parametrize("damage", [cut_items, lose_items])
def test_items_without_a_manifest_are_read_or_refused(place: Workspace, damage: Callable[[Path, Path], None]) -> None:
    """Those of an earlier version: pyarrow's error is translated."""
    score = run.read(place, model_of(place), planned_of(place)).scores["TinySTS"]
    (score.folder / "manifest.json").unlink()
    assert score.items().num_rows == score.record.items
    damage(score.folder, folder_of(place, 1))
    with pytest.raises(DamagedArtefact, match=r"items\.parquet: expected Parquet, but: "):
        score.items()
