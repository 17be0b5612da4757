"""The policy in TOML: defaults, what differs per comparison, and messages with file and line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tcmbench.errors import SpecError
from tcmbench.specs import policy as policy_file
from tests.conftest import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


def read(tmp_path: Path, text: str) -> policy_file.Policies:
    """Return the policies of a text."""
    path = tmp_path / "policy.toml"
    path.write_text(text, "utf-8")
    return policy_file.read(path)


def test_without_rules_the_file_is_the_default(tmp_path: Path) -> None:
    """One default, in the code."""
    assert read(tmp_path, "")[:2] == policy_file.default()[:2]


def test_a_baseline_keeps_all_tasks_and_asks_for_no_gain() -> None:
    """A model has nothing to gain on itself."""
    found = policy_file.default()
    assert (found.reference.keep, found.reference.required_gain) == ("general", 0.0)
    assert (found.baseline.keep, found.baseline.required_gain, found.baseline.regressed_tasks) == ("all", None, "fail")


def test_rules_hold_for_both_and_tables_go_before_them(tmp_path: Path) -> None:
    """What is asked of the gain is the reference's business."""
    found = read(
        tmp_path,
        "margin = 2.0\nrequired_gain = 1.0\n[caps]\nX = 3.0\n[baseline]\nmargin = 0.5\n[reference]\nalpha = 0.1\n",
    )
    assert (found.reference.margin, found.reference.required_gain, found.reference.alpha) == (2.0, 1.0, 0.1)
    assert (found.baseline.margin, found.baseline.required_gain, found.baseline.alpha) == (0.5, None, 0.05)
    assert found.reference.cap_of("X") == found.baseline.cap_of("X") == 3.0


def test_the_example_in_the_docs_is_the_default(tmp_path: Path) -> None:
    """But for the cap that it shows."""
    (text,) = re.findall(r"```toml\n(.*?)```", (REPOSITORY / "docs/ci.md").read_text("utf-8"), re.DOTALL)
    found = read(tmp_path, text)
    for policy, default in zip(found[:2], policy_file.default()[:2], strict=True):
        assert policy == default.model_copy(update={"caps": {"SynthQA": 3.0}})


def test_no_gain_can_be_asked_for(tmp_path: Path) -> None:
    """TOML has no null."""
    assert read(tmp_path, 'required_gain = "none"\n').reference.required_gain is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cap = 3\nmargn = 1.0\n", r"policy\.toml:2: margn: unknown field\. Did you mean 'margin'\?"),
        ("\n[baseline]\nalpha = 2\n", r"policy\.toml:3: alpha: .*less than 1, got 2"),
        ("[caps]\nX = 'much'\n", r"policy\.toml:2: caps\.X: .*got 'much'"),
        ("margin = \n", r"policy\.toml: not valid TOML: .*line 1"),
        ("baseline = 3\n", r"policy\.toml:1: baseline is a table of rules, got 3"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    """Misspelt, impossible, or no TOML."""
    with pytest.raises(SpecError, match=message):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Never the default in silence."""
    with pytest.raises(SpecError, match="no such policy"):
        policy_file.read(tmp_path / "nowhere.toml")
