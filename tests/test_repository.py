"""A clone stays clean: nothing that a run writes is tracked by git."""

from __future__ import annotations

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


def test_the_baseline_of_the_demo_is_tracked(tracked: set[str]) -> None:
    """`tcmbench check demo` has a baseline in every clone."""
    assert "leaderboards/demo/baseline.json" in tracked
