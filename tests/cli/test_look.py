"""A quick look, and parts of a set: their boards are their own, or show the whole set."""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.cli import gate
from tests.models.adapters import MINI

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.workspace import Workspace

    Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def place(tmp_path: Path, synthetic_root: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with one set and one suite, nothing measured; the current folder."""
    place = gate.make(tmp_path / "gate", passages=synthetic_root / "general-synth/qa-retrieval")
    (place.root / "tasks/Pairs.toml").write_text('type = "pairs_retrieval"\npath = "pairs.csv"\n', encoding="utf-8")
    rows = "".join(f"问{n},答{n}\n" for n in range(30))
    (place.root / "data/pairs.csv").write_text(f"query,positive\n{rows}", encoding="utf-8")
    with (place.root / "tasks/suites/small.toml").open("a", encoding="utf-8") as file:
        file.write('[[tasks]]\ntask = "Pairs"\nrole = "in_domain"\n')
    monkeypatch.chdir(place.root)
    monkeypatch.setenv("TCMBENCH_CACHE", str(place.cache))
    return place


def _scores(folder: Path) -> dict[str, dict[str, float]]:
    """Return model → task → score of a board."""
    lines = csv.DictReader((folder / "scores.csv").open(encoding="utf-8"))
    board: dict[str, dict[str, float]] = {}
    for line in lines:
        if line["score"]:
            board.setdefault(line["model"], {})[line["task"]] = float(line["score"])
    return board


def test_a_quick_look_has_a_board_of_its_own(called: Cli, place: Workspace) -> None:
    """Marked everywhere, beside that of the set, whose scores it neither reads nor gives."""
    code, out, err = called("run", "--limit", "5")
    assert code == 0, err
    look = place.root / "reports/generated/small-limit-5"
    assert str(look / "index.html") in out
    assert out.startswith("QUICK LOOK. At most 5 queries, pairs or texts per task")
    assert not (place.root / "leaderboards").exists()
    assert json.loads((look / "scores.json").read_text("utf-8"))["limit"] == 5
    lines = list(csv.DictReader((look / "scores.csv").open(encoding="utf-8")))
    assert {line["limit"] for line in lines} == {"5"}
    assert {line["items"] for line in lines if line["score"]} == {"5"}
    page = (look / "index.html").read_text("utf-8")
    assert "QUICK LOOK" in page
    assert "快速预览" in page
    code, _, err = called("check", "--against", "reference")
    assert code == 2, "scores of a sample are no scores of the gate"
    code, out, err = called("run")
    assert code == 0, err
    assert len([line for line in err.splitlines() if line.startswith("[")]) == 4, "all is measured, not only the rest"
    whole = place.root / "leaderboards/small"
    assert "QUICK LOOK" not in out + (whole / "index.html").read_text("utf-8")
    assert "limit" not in next(csv.reader((whole / "scores.csv").open(encoding="utf-8")))
    assert _scores(whole) != _scores(look)
    _, _, err = called("run", "--limit", "5")
    assert "[" not in err, "both stay in the store"


def test_a_suite_that_is_a_quick_look_is_refused_by_the_gate(called: Cli, place: Workspace) -> None:
    """And its board is none to commit."""
    suite = place.root / "tasks/suites/small.toml"
    suite.write_text("limit = 5\n" + suite.read_text("utf-8"), encoding="utf-8")
    code, out, err = called("run", "small")
    assert code == 0, err
    assert "reports/generated/small/index.html" in out
    _, out, _ = called("compare", "stays", "tuned")
    assert "A quick look: at most 5 queries, pairs or texts per task." in out
    for arguments in (("--against", "reference"), ("--update-baseline",)):
        code, _, err = called("check", "small", *arguments)
        assert (code, "suite small is a quick look (limit = 5), and the gate judges whole tasks only" in err) == (
            2,
            True,
        )


def test_a_quick_look_is_not_published(called: Cli, place: Workspace) -> None:
    """As a page or in any format: nothing is written."""
    suite = place.root / "tasks/suites/small.toml"
    suite.write_text("limit = 5\n" + suite.read_text("utf-8"), encoding="utf-8")
    for arguments in ((), ("--format", "csv")):
        code, out, err = called("board", "small", "--public", *arguments)
        assert (code, out) == (2, "")
        assert "suite small is a quick look (limit = 5), which is not published" in err
    assert not (place.root / "leaderboards").exists()


def test_a_part_is_measured_and_the_whole_is_shown(called: Cli, place: Workspace) -> None:
    """Nothing that was on the board before is lost, and what was not asked for is no failure."""
    code, out, err = called("run", "small", "--models", "tuned", "--tasks", "Pairs")
    assert code == 0, err
    board = place.root / "leaderboards/small"
    assert _scores(board) == {"tuned": {"Pairs": _scores(board)["tuned"]["Pairs"]}}
    assert "pending" in out
    code, _, err = called("run", "small", "--models", "stays")
    assert code == 0, err
    assert {model: set(tasks) for model, tasks in _scores(board).items()} == {
        "tuned": {"Pairs"}, "stays": {"Pairs", gate.TASK},
    }  # fmt: skip
    code, _, err = called("run", "small", "--tasks", "Pairs,Nothing")
    assert (code, "suite small: no task named 'Nothing'" in err) == (2, True)
    code, _, err = called("run", "small", "--models", "tunde")
    assert (code, "no model named 'tunde'. Did you mean 'tuned'" in err) == (2, True)


def test_a_model_beyond_the_set_has_a_board_beside_it(called: Cli, place: Workspace) -> None:
    """The set's own board stays as its file says; the models of the set are measured only where asked for."""
    assert called("run", "small")[0] == 0
    before = (place.root / "leaderboards/small/scores.json").read_text("utf-8")
    code, out, err = called("run", "small", "--models", "bm25")
    assert code == 0, err
    assert "reports/generated/small-and-bm25/index.html" in out
    assert set(_scores(place.root / "reports/generated/small-and-bm25")) == {"stays", "tuned", "bm25"}
    assert (place.root / "leaderboards/small/scores.json").read_text("utf-8") == before


def test_the_only_set_and_suite_of_a_workspace_are_the_default(called: Cli, place: Workspace) -> None:
    """Several are listed."""
    code, out, err = called("eval", "stays", "--limit", "5")
    assert code == 0, err
    assert out.startswith("QUICK LOOK. At most 5")
    assert "5 items" in out
    code, out, err = called("board")
    assert "leaderboards/small/index.html" in out, err
    other = place.root / "models/sets/other.toml"
    other.write_text((place.root / "models/sets/small.toml").read_text("utf-8"), encoding="utf-8")
    code, _, err = called("run")
    assert (code, "this workspace has other, small" in err) == (2, True)


def test_a_run_ends_with_the_table_the_answer_and_the_path(called: Cli, place: Workspace) -> None:
    """The figures are those of the board."""
    code, out, err = called("run", "small")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split("  ")[0] == "model"
    shown = {line.split()[0]: line.split()[-2:] for line in lines if line.split()[0] in gate.MODELS}
    board = _scores(place.root / "leaderboards/small")
    for name in gate.MODELS:
        assert sorted(map(float, shown[name])) == pytest.approx(sorted(board[name].values()), abs=0.006)
    assert lines[-1] == f"leaderboard: {place.root / 'leaderboards/small/index.html'}"
    assert lines[-2].startswith("Leads")


def test_training_data_of_a_quick_look_is_that_of_the_set(place: Workspace) -> None:
    """A variant leaves out the same leaking records, so that it is not trained anew."""
    from tcmbench.runs.selection import select
    from tcmbench.tuning import leaks

    whole, look = (select(place, "small", limit=limit).planned for limit in (None, 5))
    assert [task.revision for task in look.tasks.values()] == [task.revision for task in whole.tasks.values()]

    class Data:
        sha256 = "0" * 64
        root = place.root

    assert leaks._key(Data, look) == leaks._key(Data, whole)  # type: ignore[arg-type]


def test_folders_of_one_name_have_boards_of_their_own(place: Workspace, tmp_path: Path) -> None:
    """Their names say which is which, the same in every run; so does one that is too long for a folder."""
    from tcmbench.runs.selection import select

    folders = [tmp_path / parent / "foo" for parent in ("a", "b")]
    for folder in folders:
        shutil.copytree(MINI, folder)
    names = [select(place, "small", models=[str(folder)]).model_set.name for folder in (*folders, folders[0])]
    assert names[0] == names[2] != names[1]
    assert all(name.startswith("small-and-foo-") for name in names)
    assert select(place, "small", models=["bm25"]).model_set.name == "small-and-bm25"
