"""What `/info` says of a tuned model: its origin, and the gate's verdict from stored scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.comparison import looks
from tcmbench.runs import named
from tcmbench.serving.served import served
from tests.running import run
from tests.runs.test_cures import SET, trained, write
from tests.tuning.conftest import place

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace

__all__ = ["place", "trained"]


def test_a_variant_has_the_verdict_of_its_set(place: Workspace, trained: list[int]) -> None:
    """Outcome and findings are those of `check`; no look is taken where several are planned."""
    from tcmbench.checks import check

    write(place, SET)
    run(place, "tiny")
    found = named.find(place, "tuned/seed0")
    said = served(found)
    assert (said.row, said.set_name) == ("tuned", "tiny")
    (judged,) = check.check(place, "tiny", check.Options()).models
    assert said.gate is not None
    expected = {"outcome": judged.outcome, "passed": judged.passed, "reference": "mini-zh-static", "seeds": 2}
    assert {name: said.gate[name] for name in expected} == expected
    assert said.gate["findings"] == [f"{one.rule} {one.column}".strip() for one in judged.findings]
    write(place, SET.replace('reference = "', 'policy = { reference = { looks = 3 } }\nreference = "'))
    planned = served(named.find(place, "tuned/seed0")).gate
    assert planned is not None
    assert planned["outcome"] is None
    assert "no look was taken" in str(planned["reason"])
    assert not looks.path_of(place, "tiny").exists()


def test_a_base_has_no_verdict(place: Workspace) -> None:
    """It is what others are compared with."""
    said = served(named.find(place, "mini-zh-static"))
    assert (said.row, said.set_name, said.gate) == ("", "", None)


def test_a_set_without_scores_says_why_there_is_no_verdict(place: Workspace, trained: list[int]) -> None:
    """A trained model can be served before it is measured."""
    from tcmbench.serving.served import verdict

    write(place, SET)
    said = verdict(place, "tiny", "tuned")
    assert said["passed"] in {None, False}
    assert said.get("reason") or said["outcome"] == "missing"
