"""A short run of full disks and kills; `python -m tests.fuzz.fill_disk` and `tests.fuzz.kill` are the long ones."""

from __future__ import annotations

import pytest

from tests.fuzz import fill_disk, kill


@pytest.mark.slow
def test_a_full_disk_ends_commands_with_a_message_and_no_trace() -> None:
    """Scores, board and baseline: exit code 2, and the same figures once there is room."""
    if not fill_disk.can_mount():
        pytest.skip("a small disk has to be mounted, which this process may not do: run it as root")
    tally = fill_disk.fill(["run", "board", "baseline"], attempts=3, seed=4)

    assert tally.failures == []
    assert tally.refused.total() > 0


@pytest.mark.slow
def test_a_killed_command_comes_to_the_same_figures() -> None:
    """Whenever it was killed."""
    tally = kill.kill(["run", "board"], attempts=2, seed=1)

    assert tally.failures == []
    assert tally.killed.total() > 0
