"""A clone stays clean: nothing that a run writes is tracked by git."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tcmbench.boards.files import PUBLISHED

ROOT = Path(__file__).parent.parent


@pytest.fixture
def tracked(git: str) -> set[str]:
    """The files that git tracks."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.splitlines())


def test_a_run_of_the_demo_changes_no_tracked_file(tracked: set[str], git: str) -> None:
    """Its board is ignored, and `make boards` alone writes it to where it is published."""
    written = [f"leaderboards/demo/{name}" for name in PUBLISHED]
    assert tracked.isdisjoint(written)
    ignored = subprocess.run([git, "check-ignore", *written], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ignored.stdout.split() == written
    assert tracked >= {f"docs/boards/demo/{name}" for name in PUBLISHED}


def test_boards_of_real_data_are_published_without_items(tracked: set[str]) -> None:
    """Every board in the repository is of generated data, or says that it is public."""
    boards = [json.loads((ROOT / name).read_text("utf-8")) for name in sorted(tracked) if name.endswith("/scores.json")]
    assert {board["name"] for board in boards} >= {"demo", "local-rates", "pictures-static", "tbosd"}
    assert [board["name"] for board in boards if not (board["synthetic"] or board.get("public"))] == []


def test_the_baseline_of_the_demo_is_tracked(tracked: set[str]) -> None:
    """`tcmbench check demo` has a baseline in every clone."""
    assert "leaderboards/demo/baseline.json" in tracked


def test_the_published_demo_has_the_verdicts_that_the_readme_states() -> None:
    """One ships, one forgets, one gains too little; and tuning beats every baseline where it is meant to."""
    board = json.loads((ROOT / "docs/boards/demo/scores.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in board["rows"]}
    reasons = {name: row["gate"]["reasons"] for name, row in rows.items() if row["kind"] == "variant"}
    assert reasons["demo-static-3e-3"] == []
    assert "general tasks fell" in reasons["demo-static-2e-2"][0]
    assert [reason.partition(" is ")[0] for reason in reasons["demo-static-2e-5"]] == ["The in-domain gain"]
    assert len(reasons) == 3
    assert (board["recommendation"]["outcome"], board["recommendation"]["row"]) == ("ship", "demo-static-3e-3")
    ships, forgets, nothing = (rows[f"demo-static-{rate}"]["aggregates"] for rate in ("3e-3", "2e-2", "2e-5"))
    assert ships["in_domain"]["low"] > board["policy"]["required_gain"] > nothing["in_domain"]["high"]
    assert forgets["general"]["high"] < -board["policy"]["margin"] < ships["general"]["low"]
    for baseline in (row for row in board["rows"] if row["kind"] == "baseline"):
        assert baseline["aggregates"]["in_domain"]["high"] < ships["in_domain"]["low"], baseline["name"]
