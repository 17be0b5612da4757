"""The log of a set: complete lines, whatever happens to the file."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tcmbench.errors import SpecError
from tcmbench.history import log
from tcmbench.history.log import CheckLine, LoggedModel, LoggedScore, LoggedTask, RunState
from tcmbench.history.steps import best_of
from tcmbench.workspace import Workspace, find


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """A folder without anything in it."""
    return find(tmp_path, cache=tmp_path / "store")


def state(points: float, *, time: str = "2026-01-01T00:00:00Z", commit: str = "aaa", **more: float) -> RunState:
    """Return the state of a set with a model `m` on one task, and further models."""
    task = LoggedTask(
        task="T", split="test", subset="default", role="general", metric="ndcg_at_10", items=9, revision="r"
    )
    return RunState(
        set="s",
        time=time,
        commit=commit,
        suite="suite",
        reference="m",
        packages={"mteb": "2.26.0"},
        hardware="two cores",
        tasks={"T": task},
        models={
            name: LoggedModel(kind="base", revisions=("w",), recipe="f", scores={"T": LoggedScore(value, 0.0, 1.0)})
            for name, value in {"m": points, **more}.items()
        },
    )


def check(of: RunState, question: str, *, passed: bool, time: str = "2026-01-02T00:00:00Z") -> CheckLine:
    """Return the gate's answer on a state."""
    return CheckLine.model_validate(
        {
            "set": "s", "time": time, "commit": of.commit, "scores_sha256": of.scores_sha256, "question": question,
            "against": "m", "outcome": "pass" if passed else "regression", "passed": passed,
        }
    )  # fmt: skip


def test_what_is_appended_is_read(place: Workspace) -> None:
    """Runs and checks come back as they were, by time."""
    first, second = state(1.0), state(2.0, time="2026-01-03T00:00:00Z")
    answer = check(first, "reference", passed=True)
    assert [log.append(place, line) for line in (second, first, answer)] == [True, True, True]
    assert log.read(log.path_of(place, "s")) == log.Log((first, second), (answer,), ())


def test_the_answer_on_forms_says_nothing_of_the_state(place: Workspace) -> None:
    """A form that lost too much is logged, and the state is as green as the gate said of its models."""
    state_of_forms = state(1.0)
    answers = (
        check(state_of_forms, "reference", passed=True),
        check(state_of_forms, "source", passed=False, time="2026-01-03T00:00:00Z"),
    )
    assert [log.append(place, line) for line in (state_of_forms, *answers)] == [True, True, True]
    read = log.read(log.path_of(place, "s"))
    assert read.checks == answers
    assert read.is_green(state_of_forms) is True


def test_a_run_without_news_adds_no_line(place: Workspace) -> None:
    """The same scores at the same commit are one state; at another commit they are two."""
    log.append(place, state(1.0))
    assert log.append(place, state(1.0, time="2026-01-02T00:00:00Z")) is False
    assert log.append(place, state(1.0, time="2026-01-02T00:00:00Z", commit="bbb")) is True
    assert len(log.path_of(place, "s").read_bytes().splitlines()) == 2


def test_a_line_that_was_cut_off_is_left_out_and_the_next_one_is_complete(place: Workspace) -> None:
    """A process that was killed while it wrote costs its own line only."""
    path = log.path_of(place, "s")
    log.append(place, state(1.0))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    assert [len(part) for part in (log.read(path).runs, log.read(path).damaged)] == [1, 1]
    log.append(place, state(2.0, time="2026-01-02T00:00:00Z"))
    read = log.read(path)
    assert [run.models["m"].scores["T"].value for run in read.runs] == [1.0, 2.0]
    assert [line.partition(":")[0] for line in read.damaged] == ["line 2"]
    assert path.read_bytes().startswith(whole), "append-only"


def test_an_edited_line_is_left_out(place: Workspace) -> None:
    """A score that was changed by hand doesn't match the sha256 of its line."""
    path = log.path_of(place, "s")
    log.append(place, state(1.0))
    path.write_text(path.read_text(encoding="utf-8").replace("[1.0, 0.0, 1.0]", "[9.0, 0.0, 1.0]"), encoding="utf-8")
    read = log.read(path)
    assert (read.runs, len(read.damaged)) == ((), 1)
    assert "sha256" in read.damaged[0]


def test_lines_of_merged_branches_are_read_in_the_order_of_time(place: Workspace) -> None:
    """`merge=union` puts the lines of one branch behind those of the other; marks of a conflict are left out."""
    path = log.path_of(place, "s")
    for number in (3, 1, 2):
        log.append(place, state(float(number), time=f"2026-01-0{number}T00:00:00Z"))
    path.write_bytes(b"<<<<<<< ours\n" + path.read_bytes())
    read = log.read(path)
    assert [run.models["m"].scores["T"].value for run in read.runs] == [1.0, 2.0, 3.0]
    assert len(read.damaged) == 1


def test_concurrent_runs_write_whole_lines(place: Workspace) -> None:
    """Under a lock no line is written into another."""
    states = [state(float(number), commit=str(number)) for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: log.append(place, one), states))
    read = log.read(log.path_of(place, "s"))
    assert (len(read.runs), read.damaged) == (16, ())


def test_the_answer_to_did_anything_get_worse_comes_before_may_it_ship(place: Workspace) -> None:
    """A state that lost against an earlier one isn't green because it still beats the reference."""
    one = state(1.0)
    assert log.Log((one,), ()).is_green(one) is None
    ships = check(one, "reference", passed=True, time="2026-01-04T00:00:00Z")
    assert log.Log((one,), (ships,)).is_green(one) is True
    worse = check(one, "baseline", passed=False)
    assert log.Log((one,), (worse, ships)).is_green(one) is False
    accepted = check(one, "baseline", passed=True, time="2026-01-05T00:00:00Z")
    assert log.Log((one,), (worse, ships, accepted)).is_green(one) is True


def test_only_the_first_state_is_the_last_green_by_may_it_ship() -> None:
    """A later one that lost against it still may ship, and would be compared with itself."""
    first, second = state(80.0), state(60.0, time="2026-01-02T00:00:00Z")
    ships = tuple(check(one, "reference", passed=True) for one in (first, second))
    assert log.Log((first, second), ships[1:]).last_green is second
    assert log.Log((first, second), ships).last_green is first
    accepted = check(second, "baseline", passed=True)
    assert log.Log((first, second), (*ships, accepted)).last_green is second
    worse = check(first, "baseline", passed=False)
    assert log.Log((first,), (ships[0], worse)).last_green is None


def test_a_folder_in_its_place_is_an_error(place: Workspace) -> None:
    """Nothing but a file is read."""
    log.path_of(place, "s").mkdir(parents=True)
    with pytest.raises(SpecError, match="another kind of file"):
        log.read(log.path_of(place, "s"))


def test_a_line_has_no_fields_but_those_of_its_schema(place: Workspace) -> None:
    """No texts, ids or options: names, numbers, hashes, versions, commit, time."""
    log.append(place, state(1.0))
    line = json.loads(log.path_of(place, "s").read_text(encoding="utf-8"))
    assert set(line) == {
        "format", "set", "time", "commit", "kind", "suite", "reference", "packages", "hardware", "tasks", "models",
        "sha256",
    }  # fmt: skip
    assert set(line["models"]["m"]) == {"kind", "revisions", "recipe", "of", "trainsets", "scores"}


def test_the_best_row_has_the_highest_mean_of_the_first_role() -> None:
    """A row without a score on one of its tasks is not the best."""
    assert best_of(state(1.0, other=2.0)) == "other"
    assert best_of(state(3.0, other=2.0)) == "m"
