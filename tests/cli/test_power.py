"""`tcmbench power` and `check --until-decided` from the command line, on a workspace that really was measured."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import tcmbench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tcmbench.workspace import Workspace

    Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def with_variant(whole: Workspace) -> Iterator[Workspace]:
    """The workspace with the tuned model declared as tuned from the other."""
    file = whole.root / "models/bases/tuned.toml"
    before = file.read_text(encoding="utf-8")
    file.write_text(before + 'tuned_from = "stays"\n', encoding="utf-8")
    yield whole
    file.write_text(before, encoding="utf-8")


def test_power_says_what_the_suite_sees_in_every_format(in_whole: Call, with_variant: Workspace) -> None:
    """The same figures as text, Markdown and JSON, and from Python; `check` reports the same smallest loss."""
    code, said, _ = in_whole("power", "small", "--format", "json", "--margin", "1")
    found = json.loads(said)
    assert (code, found["format"], found["are_variants"], found["models"]) == (0, "tcmbench power 1", True, ["tuned"])
    (general,) = found["roles"]
    assert (general["role"], general["variance_of_a_training"]) == ("general", None)
    _, text, _ = in_whole("power", "small", "--margin", "1")
    assert f"{general['smallest_seen']:.2f}" in text
    assert "One seed" in text
    _, table, _ = in_whole("power", "small", "--margin", "1", "--format", "markdown")
    assert "| mean over tasks | tasks |" in table
    assert tcmbench.power("small", margins=(1.0,)).seen.roles[0].smallest == pytest.approx(general["smallest_seen"])
    _, checked, _ = in_whole("check", "small", "--against", "reference", "--json", "-")
    (model,) = json.loads(checked)["models"]
    assert model["power"]["smallest_seen"] == pytest.approx(general["smallest_seen"], abs=1e-5)


def test_power_of_a_set_without_variants_is_that_of_its_other_models(in_whole: Call) -> None:
    """And says that a tuned model needs less."""
    code, said, _ = in_whole("power", "small")
    assert code == 0
    assert "no measured variants" in said


def test_power_without_scores_says_what_to_run(in_whole: Call, whole: Workspace) -> None:
    """A missing score is an error, never a guess."""
    (whole.root / "models/sets/alone.toml").write_text(
        'suite = "small"\nreference = "stays"\nmodels = ["stays"]\n', encoding="utf-8"
    )
    code, _, said = in_whole("power", "alone")
    assert code == 2
    assert "Run: tcmbench run alone" in said


def test_a_margin_of_nothing_is_refused(in_whole: Call) -> None:
    """No number of items shows a loss of zero."""
    assert in_whole("power", "small", "--margin", "0")[0] == 2


def test_planned_looks_are_recorded_and_a_check_of_the_same_scores_is_the_same_look(
    in_whole: Call, with_variant: Workspace
) -> None:
    """The report says which look it is; the plan can't be left afterwards."""
    policy, record = with_variant.root / "looks.toml", with_variant.leaderboards / "small/looks.json"
    policy.write_text("looks = 2\n[reference]\nrequired_gain = 'none'\nmargin = 0.0\n", encoding="utf-8")
    options = ("check", "small", "--policy", str(policy), "--until-decided")
    _, first, _ = in_whole(*options)
    assert "Look 1 of 2: alpha 0.0125, so that all looks together have 0.05." in first
    written = record.read_bytes()
    _, second, _ = in_whole(*options)
    assert (second, record.read_bytes()) == (first, written)
    code, _, said = in_whole("check", "small", "--against", "reference")
    assert code == 2
    assert "looks = 2" in said
    record.unlink()


def test_a_decided_variant_needs_no_more_data(in_whole: Call, with_variant: Workspace) -> None:
    """As a sentence, and as an empty object in JSON; without the option there is none."""
    policy = with_variant.root / "wide.toml"
    policy.write_text("[reference]\nrequired_gain = 'none'\nmargin = 100.0\n", encoding="utf-8")
    options = ("check", "small", "--policy", str(policy), "--against", "reference")
    code, text, _ = in_whole(*options, "--until-decided")
    assert (code, "Nothing is inconclusive" in text) == (0, True)
    _, said, _ = in_whole(*options, "--until-decided", "--json", "-")
    assert json.loads(said)["needs"] == {}
    _, said, _ = in_whole(*options, "--json", "-")
    assert json.loads(said)["needs"] is None


def test_until_decided_is_a_question_about_the_reference(in_whole: Call, with_variant: Workspace) -> None:
    """Nothing is added to a comparison with the baseline."""
    code, _, said = in_whole("check", "small", "--until-decided", "--against", "baseline")
    assert code == 2
    assert "--until-decided" in said
