"""Variants against the reference: gate and board agree, including seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tcmbench.boards.build import build
from tcmbench.boards.cells import Difference
from tcmbench.boards.options import Options
from tcmbench.comparison.reference import AgainstReference
from tcmbench.errors import ScoreMissing
from tcmbench.records.entry import CellState
from tcmbench.records.reason import Reason
from tests.comparison.states import POLICIES, POLICY, state, without

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow
    from tcmbench.comparison.measured import MeasuredSet

NAMES = ("random-full-00", "bm25-lora-01")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MeasuredSet:
    """A set with two variants of two seeds."""
    return state(tmp_path_factory.mktemp("scores"), variants=2)


@pytest.fixture(scope="module")
def rows(whole: MeasuredSet) -> dict[str, BoardRow]:
    """The rows of the set's board."""
    entries = [model.entry for model in whole.models]
    table = build(whole.model_set, whole.suite, entries, options=Options(policies=POLICIES))
    return {row.name: row for row in table.rows}


@pytest.mark.parametrize("name", NAMES)
def test_the_gate_says_what_the_board_says(whole: MeasuredSet, rows: dict[str, BoardRow], name: str) -> None:
    """Outcome, reasons, and every figure with its interval are the same to the bit."""
    verdict = AgainstReference(whole, policy=POLICY, names=[name]).judge(name)
    row = rows[name]
    assert row.gate is not None
    said = tuple(reason.en for reason in row.gate.reasons)
    assert (verdict.outcome, tuple(finding.message for finding in verdict.findings)) == (row.gate.outcome, said)
    assert verdict.result.gain_in_domain is not None
    gain = verdict.result.gain_in_domain
    assert row.aggregates.in_domain == Difference(gain.value, *gain.interval[:2], verdict.mean_verdict("in_domain"))
    for task in verdict.tasks:
        cell = row.cells[task.task]
        assert cell.delta == Difference(task.delta.value, *task.delta.interval[:2], task.verdict)
        assert cell.p_value == task.p_holm
    assert verdict.seeds == row.seeds == 2


def test_a_variant_without_a_score_is_missing(whole: MeasuredSet) -> None:
    """And so is one whose reference has none; the others are judged."""
    for lacking in (NAMES[0], "mini-zh"):
        holed = without(whole, lacking, "General2", CellState("pending", Reason.message("seed 1 is not trained yet")))
        verdict = AgainstReference(holed, policy=POLICY).judge(NAMES[0])
        assert (verdict.outcome, verdict.exit_code, len(verdict.tasks)) == ("missing", 2, len(whole.columns) - 1)
        assert "seed 1 is not trained yet" in verdict.findings[0].message


def test_a_variant_that_could_not_be_trained_is_missing(whole: MeasuredSet) -> None:
    """All of its scores are."""
    name = NAMES[0]
    failed = whole
    for column in whole.columns:
        failed = without(failed, name, column.column, CellState("failed", Reason.message("the loss is zero")))
    verdict = AgainstReference(failed, policy=POLICY).judge(name)
    assert (verdict.tasks, verdict.outcome, verdict.exit_code) == ((), "missing", 2)
    assert {finding.message for finding in verdict.findings} == {"failed: the loss is zero"}


def test_a_reference_that_is_gone_is_an_error(whole: MeasuredSet) -> None:
    """Nothing can be held against it."""
    with pytest.raises(ScoreMissing, match="no entry for the reference 'mini-zh'"):
        AgainstReference(replace(whole, models=whole.models[1:]), policy=POLICY)


def test_inconclusive_passes_only_where_the_policy_says_so(whole: MeasuredSet) -> None:
    """The finding stays, as a warning."""
    policy = POLICY.model_copy(update={"required_gain": None, "margin": 0.0})
    comparison = AgainstReference(whole, policy=policy)
    strict = [v for name in NAMES if (v := comparison.judge(name)).outcome == "inconclusive"]
    lenient = policy.model_copy(update={"inconclusive_passes": True})
    for verdict in strict:
        assert verdict.exit_code == 1
        passed = AgainstReference(whole, policy=lenient).judge(verdict.name)
        assert (passed.exit_code, [finding.level for finding in passed.findings]) == (0, ["warning"])
    assert strict
