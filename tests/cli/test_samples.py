"""Samples that a suite declares for single tasks: measured apart, named by boards, and judged like whole tasks."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from tcmbench.errors import SpecError
from tcmbench.specs.suite import Suite
from tcmbench.specs.toml import parse
from tests.cli import gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.workspace import Workspace

    Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def place(tmp_path: Path, synthetic_root: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace whose suite samples 10 of 30 pairs, and has another task whole; the current folder."""
    place = gate.make(tmp_path / "gate", passages=synthetic_root / "general-synth/qa-retrieval")
    (place.root / "tasks/Pairs.toml").write_text('type = "pairs_retrieval"\npath = "pairs.csv"\n', encoding="utf-8")
    rows = "".join(f"问{n},答{n}\n" for n in range(30))
    (place.root / "data/pairs.csv").write_text(f"query,positive\n{rows}", encoding="utf-8")
    with (place.root / "tasks/suites/small.toml").open("a", encoding="utf-8") as file:
        file.write('[[tasks]]\ntask = "Pairs"\nrole = "in_domain"\ntitle = "Table"\ntitle_zh = "表格"\nlimit = 10\n')
    monkeypatch.chdir(place.root)
    monkeypatch.setenv("TCMBENCH_CACHE", str(place.cache))
    return place


def _lines(place: Workspace) -> list[dict[str, str]]:
    return list(csv.DictReader((place.root / "leaderboards/small/scores.csv").open(encoding="utf-8")))


def test_a_sampled_task_is_named_on_the_board_of_the_set(called: Cli, place: Workspace) -> None:
    """With how many of how many; the board is the set's own, and only this column is a sample."""
    code, out, err = called("run", "small")
    assert code == 0, err
    assert "QUICK LOOK" not in out
    page = (place.root / "leaderboards/small/index.html").read_text("utf-8")
    assert "Table (10 of 30)" in page
    assert "表格（30 取 10）" in page
    assert "QUICK LOOK" not in page
    shown = {line["task"]: (line["limit"], line["items"]) for line in _lines(place) if line["task"] and line["score"]}
    assert shown["Pairs"] == ("10", "10")
    assert shown[gate.TASK][0] == ""
    _, out, _ = called("board", "small", "--format", "markdown")
    assert "Table (10 of 30)" in out
    _, out, _ = called("compare", "stays", "tuned")
    assert "Fixed samples with at most so many queries, pairs or texts: Pairs (10)." in out


def test_a_sample_is_judged_and_its_scores_are_apart(called: Cli, place: Workspace) -> None:
    """The gate takes it, in contrast to a quick look, but never in place of the whole task, nor the other way round."""
    assert called("run", "small")[0] == 0
    code, out, err = called("check", "small", "--update-baseline")
    assert (code, "2 models on 2 tasks" in out) == (0, True), err
    code, out, err = called("check", "small", "--against", "baseline")
    assert (code, "Fixed samples with at most so many queries, pairs or texts: Pairs (10)." in out) == (0, True), err
    sampled = {line["model"]: line["score"] for line in _lines(place) if line["task"] == "Pairs"}
    suite = place.root / "tasks/suites/small.toml"
    suite.write_text(suite.read_text("utf-8").replace("limit = 10\n", ""), encoding="utf-8")
    code, out, _ = called("check", "small", "--against", "baseline")
    assert (code, "Pairs" in out) == (2, True), "the whole task isn't measured yet"
    assert called("run", "small")[0] == 0
    assert {line["items"] for line in _lines(place) if line["task"] == "Pairs"} == {"30"}
    assert {line["model"]: line["score"] for line in _lines(place) if line["task"] == "Pairs"} != sampled
    code, _, err = called("check", "small", "--against", "baseline")
    assert code == 3, err


def test_a_quick_look_at_a_sample_takes_the_smaller_limit(called: Cli, place: Workspace) -> None:
    """Of the suite's limit and the column's own; a sample of everything is not marked."""
    assert called("run", "small", "--limit", "4")[0] == 0
    look = place.root / "reports/generated/small-limit-4"
    lines = [line for line in csv.DictReader((look / "scores.csv").open(encoding="utf-8")) if line["score"]]
    assert {line["items"] for line in lines} == {"4"}
    assert "Table (4 of 30)" in (look / "index.html").read_text("utf-8")
    suite = place.root / "tasks/suites/small.toml"
    suite.write_text(suite.read_text("utf-8").replace("limit = 10\n", "limit = 30\n"), encoding="utf-8")
    assert called("run", "small")[0] == 0
    assert "Table (" not in (place.root / "leaderboards/small/index.html").read_text("utf-8")


def test_mteb_gets_no_benchmark_of_samples(place: Workspace) -> None:
    """It would measure the whole tasks under the suite's name."""
    import mteb

    from tcmbench.tasks.registration import register_with_mteb

    register_with_mteb(workspace=place)
    assert "tcmbench(small)" not in {benchmark.name for benchmark in mteb.get_benchmarks()}


def test_columns_of_a_task_have_one_limit() -> None:
    """A task is sampled as a whole: two columns of it with other limits are refused."""
    tasks = [{"task": "A", "role": "general", "limit": 5}, {"task": "A", "role": "general", "split": "dev"}]
    with pytest.raises(SpecError, match="task A: expected the same limit in all its columns"):
        parse(Suite, {"name": "both", "tasks": tasks}, where="both")
