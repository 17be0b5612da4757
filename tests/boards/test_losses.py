"""A board whose data or weights aren't here stays as it was."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tcmbench import tasks
from tcmbench.boards import publish
from tcmbench.errors import ScoreMissing
from tcmbench.evaluation import run
from tcmbench.models import base_model
from tcmbench.runs import gather
from tcmbench.specs.model_set import ModelSet
from tcmbench.workspace import bundled_content
from tests.task_types.folders import workspace_of, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.publish import Result
    from tcmbench.workspace import Workspace

SET = 'suite = "all"\nreference = "hashed-chars"\nmodels = ["hashed-chars"]\n'


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """A workspace with two tasks and a set of one model, which has been measured."""
    rows = [{"sentence1": f"头痛{n}", "sentence2": f"头痛发热{n * n}", "score": n % 6} for n in range(12)]
    for name in ("one", "two"):
        write_table(tmp_path / f"data/{name}.csv", rows)
    specs = {name.title(): f'type = "sts"\npath = "{name}.csv"\nsource = "Ask."\n' for name in ("one", "two")}
    place = workspace_of(tmp_path, specs)
    (tmp_path / "models/sets").mkdir(parents=True)
    (tmp_path / "models/sets/pairs.toml").write_text(SET, encoding="utf-8")
    planned = tasks.plan_set(place, place.spec(ModelSet, "pairs"))
    model = base_model(place, "hashed-chars")
    run.measure(place, model, run.missing(place, model, planned), planned, emit=lambda _: None)
    return place


def write(place: Workspace) -> Result:
    """Write the board from what is stored."""
    model_set = place.spec(ModelSet, "pairs")
    planned = tasks.plan_set(place, model_set)
    return publish.write_board(place, model_set, planned, gather.entries(place, model_set, planned))


def test_a_board_without_its_data_is_refused_and_the_old_one_stays(place: Workspace) -> None:
    """The message names the data, where it was looked for, and how to write elsewhere; with the data it is written."""
    assert write(place).missing == ()
    folder = place.leaderboards / "pairs"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    data = place.data_root / "two.csv"
    content = data.read_bytes()
    data.unlink()

    with pytest.raises(ScoreMissing) as refused:
        write(place)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    said = str(refused.value)
    assert "the board there has 1 scores that are missing now" in said
    assert f"Two: Data of task Two is missing: expected {data}. Looked in {place.data_root}" in said
    assert "tcmbench board pairs --format html --output FILE" in said
    data.write_bytes(content)
    assert write(place).missing == ()


def test_a_board_without_the_weights_of_a_base_is_refused(place: Workspace, tmp_path: Path) -> None:
    """Absent weights are like absent data; damaged ones are the base's own failure."""
    table = tmp_path / "models/table"
    shutil.copytree(bundled_content() / "models/mini-zh-static", table)
    (tmp_path / "models/bases").mkdir(exist_ok=True)
    (tmp_path / "models/bases/table.toml").write_text('kind = "embedding"\npath = "table"\n', encoding="utf-8")
    (tmp_path / "models/sets/pairs.toml").write_text(SET.replace('["', '["table", "'), encoding="utf-8")
    planned = tasks.plan_set(place, place.spec(ModelSet, "pairs"))
    model = base_model(place, "table")
    run.measure(place, model, run.missing(place, model, planned), planned, emit=lambda _: None)
    assert write(place).missing == ()
    table.rename(tmp_path / "elsewhere")
    with pytest.raises(ScoreMissing, match=r"the board there has 2 scores that are missing now.*\n.*no weights in"):
        write(place)
    (tmp_path / "elsewhere").rename(table)
    (table / "modules.json").write_text("{", encoding="utf-8")
    assert len(write(place).missing) == 2


def test_a_first_board_may_have_gaps(place: Workspace) -> None:
    """Nothing is lost by it, nor by the next one with the same gaps."""
    (place.data_root / "two.csv").unlink()
    assert len(write(place).missing) == 1
    assert len(write(place).missing) == 1


def test_a_board_that_loses_a_task_of_its_suite_is_written(place: Workspace) -> None:
    """It isn't asked for any more."""
    write(place)
    (place.data_root / "two.csv").unlink()
    suite = place.root / "tasks/suites/all.toml"
    suite.write_text('[[tasks]]\ntask = "One"\nrole = "in_domain"\n', encoding="utf-8")
    assert write(place).missing == ()


def test_a_board_that_cannot_be_read_is_replaced(place: Workspace) -> None:
    """Its scores aren't known."""
    write(place)
    (place.leaderboards / "pairs/scores.json").write_text("{", encoding="utf-8")
    (place.data_root / "two.csv").unlink()
    assert len(write(place).missing) == 1
