"""`tcmbench board` from the command line, on a set without scores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from tcmbench.cli.board import command
from tcmbench.errors import ScoreMissing, SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(command)


@pytest.fixture
def place(workspace_dir: Path, synthetic_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a set of one baseline and one task."""
    files = {
        "tasks/Records.toml": 'type = "syndrome_retrieval"\npath = "tcm-synth"\n',
        "tasks/suites/one.toml": '[[tasks]]\ntask = "Records"\nrole = "in_domain"\n',
        "models/sets/one.toml": 'suite = "one"\nreference = "hashed-chars"\nmodels = ["hashed-chars"]\n',
    }
    for name, text in files.items():
        (workspace_dir / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(workspace_dir)
    monkeypatch.setenv("TCMBENCH_DATA", str(synthetic_root))
    monkeypatch.setenv("TCMBENCH_CACHE", str(workspace_dir / "store"))
    return workspace_dir


def board(*options: str) -> Result:
    """Call `tcmbench board one` with options."""
    return CliRunner().invoke(app, ["one", *options])


def test_writes_the_board_and_fails_on_missing_scores(place: Path) -> None:
    """The three files are there, and what is missing is an error (exit code 2 of the program)."""
    result = board()
    assert isinstance(result.exception, ScoreMissing)
    assert {path.name for path in (place / "leaderboards/one").iterdir()} == {"index.html", "scores.csv", "scores.json"}


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("html", "<!doctype html>"),
        ("latex", "% Packages: booktabs"),
        ("markdown", "**one**"),
        ("csv", "model,"),
        ("json", "{"),
    ],
)
def test_format_prints_and_writes_no_board(place: Path, form: str, begins: str) -> None:
    """Every format goes to stdout or to a file, whole, and the leaderboard stays as it is."""
    printed = board("--format", form)
    assert printed.stdout.startswith(begins)
    board("--format", form, "--output", "out/table.txt")
    assert (place / "out/table.txt").read_text(encoding="utf-8") == printed.stdout
    assert not (place / "leaderboards").exists()
    if form == "json":
        assert json.loads(printed.stdout)["rows"][0]["cells"]["Records"]["status"] == "pending"


def test_the_schema_describes_what_json_holds(place: Path) -> None:
    """Every field of scores.json is in the schema, at every level."""
    found = json.loads(board("--format", "schema").stdout)
    held = json.loads(board("--format", "json").stdout)
    parts = {name: set(part["properties"]) for name, part in found["$defs"].items() if "properties" in part}
    assert place.is_dir()
    assert set(found["properties"]) == set(held)
    assert parts["TaskColumn"] == set(held["columns"][0])
    assert parts["BoardRow"] == set(held["rows"][0])
    assert parts["Cell"] == set(held["rows"][0]["cells"]["Records"])
    assert parts["Aggregates"] == set(held["rows"][0]["aggregates"])


def test_texts_go_where_nothing_is_committed(place: Path) -> None:
    """A page with texts says so, lies under reports/generated, and leaves the leaderboard alone."""
    result = board("--show-text")
    assert result.exit_code == 0
    page = (place / "reports/generated/one-text/index.html").read_text(encoding="utf-8")
    assert "SHOWS TEXT OF RECORDS" in page
    assert not (place / "leaderboards").exists()


def test_the_folder_of_a_board_can_be_chosen(place: Path) -> None:
    """The same files, elsewhere; a public board is refused while scores are missing, and nothing is written."""
    board("--output", "elsewhere")
    assert {path.name for path in (place / "elsewhere").iterdir()} == {"index.html", "scores.csv", "scores.json"}
    refused = board("--public", "--output", "published")
    assert isinstance(refused.exception, ScoreMissing)
    assert "tcmbench run one" in str(refused.exception)
    assert not (place / "published").exists()
    assert not (place / "leaderboards").exists()


def test_options_that_exclude_each_other_are_refused(place: Path) -> None:
    """The message names them."""
    assert place.is_dir()
    both = board("--serve", "--format", "csv")
    assert isinstance(both.exception, SpecError)
    assert "--format and --serve" in str(both.exception)
    assert isinstance(board("--figures", "x", "--output", "y").exception, SpecError)
    assert isinstance(board("--public", "--show-text").exception, SpecError)
