"""What a check says about the best of several variants, planned looks, and data that would decide it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tcmbench.checks import outputs
from tcmbench.checks.verdict import LookTaken, Report
from tcmbench.comparison import best
from tcmbench.comparison.needed import MoreItems, Need, needed
from tcmbench.comparison.reference import AgainstReference
from tcmbench.stats.estimates import Estimate, Interval
from tests.comparison.states import POLICY, state

CHANGE = Estimate(-0.4, Interval(-1.3, 0.5))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A check of three variants of two seeds against the reference, with what would decide them."""
    measured = state(tmp_path_factory.mktemp("scores"), variants=3)
    comparison = AgainstReference(measured, policy=POLICY)
    verdicts = [comparison.judge(model.name) for model in measured.models if model.entry.kind == "variant"]
    return Report(
        set_name="fake", suite="fake", synthetic=True, reference="mini-zh", against="reference", baseline="",
        policy_source="default", models=tuple(verdicts), columns=4, places={}, version="0.1.0",
        best=best.of_verdicts(comparison, verdicts), look=LookTaken(2, 4, 0.05, 0.0105),
        needs=needed(comparison, verdicts),
    )  # fmt: skip


def test_the_outputs_say_the_same(report: Report) -> None:
    """Best of three, the look, and the needs of the inconclusive variants only."""
    assert report.best is not None
    texts = [outputs.load(name).render(report) for name in ("console", "markdown")]
    for text in texts:
        assert "Best of 3" in text
        assert "Look 2 of 4: alpha 0.0105" in text
    whole = json.loads(outputs.load("json").render(report))
    assert whole["best"]["of"] == 3
    assert whole["best"]["gain"]["value"] == pytest.approx(report.best.gain.value)
    assert whole["look"] == {"number": 2, "planned": 4, "alpha": 0.05, "alpha_now": 0.0105}
    assert set(whole["needs"]) == {model.name for model in report.models if model.outcome == "inconclusive"}


MORE = (MoreItems("General2", 200, 812),)
HEAD = "  tuned: gain −0.40 [−1.30, +0.50]"
ITEMS = "items: General2 200 → 812"
ONE_SEED = "(a single seed: the noise of training is not in these numbers)"
SENTENCES = [
    (
        Need("backward_transfer", CHANGE, "pass", 0.46, 0.214, MORE, 3, 7, True),
        f"{HEAD.replace('gain', 'forgetting')}, standard error 0.46 → 0.21, expected to pass: {ITEMS}; or seeds: 3 → 7",
    ),
    (
        Need("gain", CHANGE, "fail", 0.46, 0.1, (), 3, None, True),
        f"{HEAD}, standard error 0.46 → 0.10, expected to fail: neither items nor seeds alone are enough: add both",
    ),
    (
        Need("gain", CHANGE, "pass", 0.46, 0.1, MORE, 1, None, False),
        f"{HEAD}, standard error 0.46 → 0.10, expected to pass: {ITEMS} {ONE_SEED}",
    ),
    (
        Need("gain", CHANGE, "pass", 0.46, 0.1, MORE, 1, 4, True),
        f"{HEAD}, standard error 0.46 → 0.10, expected to pass: {ITEMS}; or seeds: 1 → 4",
    ),
    (
        Need("gain", CHANGE, "fail", 0.46, 0.0, (), 3, None, True),
        f"{HEAD} is the bound itself: no amount of data decides it",
    ),
]


@pytest.mark.parametrize(("need", "expected"), SENTENCES)
def test_a_need_is_a_sentence(report: Report, need: Need, expected: str) -> None:
    """Of items, of seeds, of both, or of neither."""
    lines = outputs.load("console").render(replace(report, needs={"tuned": (need,)})).splitlines()
    assert expected in lines


def test_without_a_plan_the_report_says_what_looking_again_costs(report: Report) -> None:
    """And how to plan looks; with one it counts those left."""
    need = {"tuned": (Need("gain", CHANGE, "fail", 0.46, 0.1, (), 3, None, True),)}
    unplanned = replace(report, needs=need, look=LookTaken(1, 1, 0.05, 0.05))
    assert "another chance of a false alarm" in outputs.load("console").render(unplanned)
    assert "Look 1" not in outputs.load("console").render(unplanned)
    assert "2 of 4 planned looks are left" in outputs.load("console").render(replace(report, needs=need))
    last = replace(report, needs=need, look=LookTaken(4, 4, 0.05, 0.03))
    assert "the last of the planned looks" in outputs.load("console").render(last)


def test_nothing_is_said_where_nothing_was_asked(report: Report) -> None:
    """A check without the option has no sentence on data."""
    assert "To decide with" not in outputs.load("console").render(replace(report, needs=None))
