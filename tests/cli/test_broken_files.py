"""Files that are broken cost what needs them, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tcmbench import tasks
from tcmbench.boards import publish
from tcmbench.errors import DataError, SpecError, StorageError
from tcmbench.specs.model_set import ModelSet
from tests.cli.test_main import called
from tests.running import run
from tests.task_types.folders import workspace_of, write_beir, write_lines

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace

FOLDERS = {
    "tasks": "tasks",
    "suites": "tasks/suites",
    "bases": "models/bases",
    "variants": "models/variants",
    "sets": "models/sets",
}
SET = 'suite = "all"\nreference = "hashed-chars"\nmodels = ["hashed-chars", "tfidf"]\n'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A set on two tasks, in a workspace with one broken file of every kind."""
    found = workspace_of(
        tmp_path, {name: f'type = "retrieval"\npath = "{name.lower()}"\n' for name in ("First", "Second")}
    )
    for name in ("first", "second"):
        write_beir(tmp_path / "data" / name)
    for folder in FOLDERS.values():
        (tmp_path / folder).mkdir(exist_ok=True, parents=True)
        (tmp_path / folder / "broken.toml").write_text("= nonsense", encoding="utf-8")
    (tmp_path / "models/sets/mine.toml").write_text(SET, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TCMBENCH_CACHE", str(tmp_path / "store"))
    monkeypatch.delenv("TCMBENCH_DATA", raising=False)
    return found


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_list_shows_a_broken_file_with_its_reason_and_all_others(
    kind: str, place: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong, and in which file."""
    assert called("list", kind) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert f"broken          {place.root / FOLDERS[kind] / 'broken.toml'}: not valid TOML" in lines["broken"]
    assert len(lines) > 3


def test_doctor_names_them(place: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside everything else that it finds."""
    assert called("doctor", "--json") == 0
    found = {(one["area"], one["name"]): one for one in json.loads(capsys.readouterr().out)}
    for area in ("data", "models"):
        assert found[area, "broken"]["detail"] == "broken"
        assert "not valid TOML" in found[area, "broken"]["remedy"]


def test_a_set_is_run_and_compared_beside_them(place: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """They are no part of it."""
    assert called("run", "mine") == 0
    assert called("compare", "hashed-chars", "tfidf", "--set", "mine") == 0
    assert called("compare", "hashed-chars", "tfidf") == 2
    assert "both in the sets demo, local, mine" in capsys.readouterr().err
    assert called("check", "mine", "--update-baseline") == 0
    assert called("check", "mine") == 0


def test_tasks_are_registered_with_mteb_without_them(place: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    """The log says which."""
    from tcmbench.tasks.registration import register_with_mteb

    names = register_with_mteb(workspace=place)
    assert {"First", "Second"} <= set(names)
    assert "broken" not in names
    assert "broken can't be registered with mteb" in caplog.text


@pytest.mark.parametrize("model", ["broken", "odd"])
def test_a_set_that_names_one_ends_before_anything_is_measured(place: Workspace, model: str) -> None:
    """Exit code 2 at once, not after hours."""
    (place.root / "models/bases/odd.toml").mkdir()
    text = SET.replace('"tfidf"', f'"{model}"')
    (place.root / "models/sets/mine.toml").write_text(text, encoding="utf-8")
    assert called("run", "mine") == 2
    assert not (place.cache / "scores").exists()


@pytest.mark.parametrize("damage", ["gb18030", "number", "gone", "folder"])
def test_a_broken_data_file_costs_its_own_cells(place: Workspace, damage: str) -> None:
    """Later tasks are measured, and there is a board."""
    path = place.root / "data/first/qrels/test.tsv"
    match damage:
        case "gb18030":
            path.write_bytes(path.read_bytes() + "气1\t虚1\t1\n".encode("gb18030"))
        case "number":
            path.write_text(path.read_text("utf-8") + f"q1\td2\t1{'0' * 400}\n", encoding="utf-8")
        case "gone":
            path.unlink()
        case "folder":
            path.unlink()
            path.mkdir()
    assert called("run", "mine") == 2
    entries = run(place, "mine").entries
    assert [(list(entry.scores), list(entry.states)) for entry in entries] == [(["Second"], ["First"])] * 2
    assert all(str(path) in str(entry.states["First"].reason) for entry in entries)
    assert (place.leaderboards / "mine/index.html").is_file()


def test_a_board_is_made_where_data_can_no_longer_be_read(place: Workspace) -> None:
    """The scores are there; only the slices of the records are not."""
    (place.root / "tasks/First.toml").write_text('type = "syndrome_retrieval"\npath = "records"\n', encoding="utf-8")
    rows = [
        {"user_id": str(n), "norm_syndrome": f"证{n}", "chief_complaint": "头痛", "description": "无"} for n in (1, 2)
    ]
    for split in ("train", "dev", "test"):
        write_lines(place.root / f"data/records/{split}.jsonl", rows)
    (place.root / "data/records/syndrome_vocab.txt").write_text("证1\n证2\n", encoding="utf-8")
    (place.root / "data/records/test.jsonl").write_text("{", encoding="utf-8")
    planned = tasks.plan_set(place, place.spec(ModelSet, "mine"))
    options = publish.board_options(place, place.spec(ModelSet, "mine"), planned)
    assert {card.slices == {} for card in options.cards.values()} == {True}


def test_a_board_without_room_stays_what_it_was(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page and table are those of the same scores."""
    assert called("run", "mine") == 0
    folder = place.leaderboards / "mine"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    real, written = Path.write_bytes, []

    def write_bytes(path: Path, data: bytes) -> int:
        if written and path.parent == folder:
            raise OSError(28, "No space left on device")
        written.append(path)
        return real(path, data + b" ")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    assert called("board", "mine") == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("kind", ["file", "device", "long"])
def test_a_store_that_cannot_be_is_a_mistake(
    place: Workspace, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with its path."""
    (place.root / "file").write_text("", encoding="utf-8")
    cache = {"file": str(place.root / "file"), "device": "/dev/null", "long": str(place.root / ("x" * 300))}[kind]
    monkeypatch.setenv("TCMBENCH_CACHE", cache)
    assert called("run", "mine") == 2
    said = capsys.readouterr().err
    assert cache in said
    assert "Traceback" not in said


def test_a_store_without_room_ends_a_run(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing could be kept of what would be measured next; no reason of it stands in the cells."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pyarrow.parquet.write_table", refuse)
        with pytest.raises(StorageError, match="expected free space to write, but: No space left on device"):
            run(place, "mine")
    states = [state.state for entry in run(place, "mine").entries for state in entry.states.values()]
    assert states == []


def test_errors_are_of_the_tree(place: Workspace) -> None:
    """A spec that is asked for and broken is a `SpecError`."""
    for name, found in place.specs(ModelSet):
        assert isinstance(found, SpecError) == (name == "broken")
    assert not issubclass(SpecError, DataError)
