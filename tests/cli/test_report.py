"""The end of a run."""

from __future__ import annotations

import pytest

from tcmbench.cli.report import require_complete
from tcmbench.errors import ScoreMissing


def test_a_reason_that_holds_for_several_models_is_given_once() -> None:
    """Bad rows of a task are the same for all; the number is that of the scores."""
    reason = "Task: failed: 5 bad lines:\npairs.csv:2: no text\npairs.csv:3: no text\npairs.csv:4: no text\nand 2 more"
    with pytest.raises(ScoreMissing) as missing:
        require_complete([f"one · {reason}", "one · Other: failed: full", f"two · {reason}"])
    said = str(missing.value)
    assert said.startswith("3 scores are missing")
    assert said.count("5 bad lines") == 1
    assert "  one, two · Task: failed: 5 bad lines" in said
    assert "  one · Other: failed: full" in said


def test_what_ends_with_missing_scores_says_how_they_are_had() -> None:
    """A board measures nothing, so it names the command that does."""
    with pytest.raises(ScoreMissing, match=r"pending\ntcmbench run demo$"):
        require_complete(["one · Task: pending"], remedy="tcmbench run demo")


def test_nothing_is_said_of_a_complete_board() -> None:
    """It ends with 0."""
    require_complete([])
