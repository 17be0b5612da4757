"""`tcmbench compare` from the command line, on the bundled encoder and what a few steps of learning made of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli import gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.workspace import Workspace


def test_two_models_are_compared_task_by_task(in_whole: Callable[..., tuple[int, str, str]]) -> None:
    """What was learned shows; the set that has both is found."""
    code, out, _ = in_whole("compare", "stays", "tuned")
    assert code == 0
    assert out.startswith("tuned against stays: set small, suite small\n")
    row = next(line for line in out.splitlines() if gate.TASK in line)
    assert row.split()[0:3] == [gate.TASK, "general", "ndcg_at_10"]
    assert row.endswith("improved")
    assert f"--task {gate.TASK}" in out


def test_the_other_way_round_is_the_opposite(in_whole: Callable[..., tuple[int, str, str]]) -> None:
    """Differences are B minus A, query by query."""
    _, there, _ = in_whole("compare", "stays", "tuned", "--json", "-")
    _, back, _ = in_whole("compare", "tuned", "stays", "--json", "-")
    first, second = (json.loads(said)["tasks"][gate.TASK] for said in (there, back))
    assert first["change"]["value"] == pytest.approx(-second["change"]["value"])
    assert set(first["first_hit"]["won"]) == set(second["first_hit"]["lost"])
    moved = {row["item"]: row["after"] - row["before"] for row in first["moved"]}
    assert moved == pytest.approx({row["item"]: row["before"] - row["after"] for row in second["moved"]})
    assert sum(moved.values()) / first["items"] == pytest.approx(first["change"]["value"])
    rounded = [round(change, 3) for change in moved.values()]
    assert rounded == sorted(rounded)


def test_a_task_is_shown_query_by_query(in_whole: Callable[..., tuple[int, str, str]], whole: Workspace) -> None:
    """Ids only; the text of a query comes with --show-text alone."""
    code, out, _ = in_whole("compare", "stays", "tuned", "--task", gate.TASK, "--rows", "3")
    assert code == 0
    assert "items better" in out
    assert "first hit:" in out
    shown = [line.split()[0] for line in out.splitlines() if line.startswith("    q")]
    assert 3 <= len(shown) <= 6
    texts = {row["_id"]: row["text"] for row in map(json.loads, (whole.root / "data/qa/queries.jsonl").open("r"))}
    assert not any(texts[query][:20] in out for query in shown)
    _, told, _ = in_whole("compare", "stays", "tuned", "--task", gate.TASK, "--rows", "3", "--show-text")
    assert all(texts[query][:20] in told for query in shown)


def test_a_run_of_another_day_is_its_baseline(in_whole: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """FILE:model names a row of a baseline; equal scores differ by exactly zero."""
    kept = tmp_path / "kept.json"
    assert in_whole("check", "small", "--update-baseline", "--baseline", str(kept))[0] == 0
    _, out, _ = in_whole("compare", f"{kept}:tuned", "tuned", "--json", "-")
    found = json.loads(out)["tasks"][gate.TASK]
    assert (found["change"], found["moved"], found["verdict"]) == (
        {"value": 0.0, "low": 0.0, "high": 0.0},
        [],
        "unchanged",
    )
    _, out, _ = in_whole("compare", f"{kept}:stays", f"{kept}:tuned", "--json", "-")
    assert json.loads(out)["tasks"][gate.TASK]["verdict"] == "improved"


def test_a_baseline_of_another_task_is_not_comparable(
    in_whole: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """3, with what changed."""
    kept = tmp_path / "kept.json"
    in_whole("check", "small", "--update-baseline", "--baseline", str(kept))
    text = json.loads(kept.read_text("utf-8"))
    text["tasks"][gate.TASK]["revision"] = "0" * 32
    del text["sha256"]  # as in a baseline of an earlier version
    kept.write_text(json.dumps(text), "utf-8")
    code, _, err = in_whole("compare", f"{kept}:tuned", "tuned")
    assert (code, "same items, but other texts" in err) == (3, True)


def test_a_score_that_is_missing_is_told_and_exits_with_2(
    in_whole: Callable[..., tuple[int, str, str]], whole: Workspace
) -> None:
    """Not left out in silence."""
    folder = gate.score_folder(whole, "tuned")
    folder.rename(whole.root / "kept")
    try:
        code, out, err = in_whole("compare", "stays", "tuned")
    finally:
        (whole.root / "kept").rename(folder)
    assert code == 2
    assert f"{gate.TASK}: not compared: tuned: pending: not measured yet" in out
    assert "tcmbench run small" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stays", "tunde"), "no model named 'tunde'. Did you mean 'tuned'"),
        (("stays", "tuned", "--task", "SmalQA"), "suite small: no column named 'SmalQA'. Did you mean 'SmallQA'"),
        (("stays", "nowhere.json:tuned"), "nowhere.json doesn't exist"),
        (("mini-zh", "tfidf"), "are both in the sets"),
    ],
)
def test_mistakes_say_what_is_meant(
    in_whole: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], message: str
) -> None:
    """A misspelt model or task, a file that isn't there, models of several sets."""
    code, _, err = in_whole("compare", *arguments)
    assert (code, message in err) == (2, True), err
