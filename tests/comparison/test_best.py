"""The best of several variants: the one that the board's answer names, with its gain adjusted for the choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.boards.build import build
from tcmbench.boards.options import Options
from tcmbench.comparison import best
from tcmbench.comparison.reference import AgainstReference
from tcmbench.records.entry import CellState
from tests.comparison.states import POLICIES, POLICY, state, with_values, without

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.comparison.best import Best
    from tcmbench.comparison.measured import MeasuredSet
    from tcmbench.specs.policy import Policy


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> MeasuredSet:
    """A set with five variants."""
    return state(tmp_path_factory.mktemp("scores"), variants=5)


def found(measured: MeasuredSet, *, policy: Policy = POLICY) -> tuple[AgainstReference, Best | None]:
    """Return the comparison of a set and the best of its variants."""
    comparison = AgainstReference(measured, policy=policy)
    variants = [model.name for model in measured.models if model.entry.kind == "variant"]
    return comparison, best.of_verdicts(comparison, [comparison.judge(name) for name in variants])


def test_board_and_check_name_the_same_variant_with_the_same_gain(several: MeasuredSet) -> None:
    """One rule in two places, for the whole set and for one with a gap."""
    gap = CellState("pending")
    for measured in (several, without(several, "hybrid-full-03", "InDomain0", gap)):
        _, of_check = found(measured)
        entries = [model.entry for model in measured.models]
        answer = build(measured.model_set, measured.suite, entries, options=Options(policies=POLICIES)).recommendation
        assert of_check is not None
        assert answer.adjusted_gain is not None
        assert (of_check.name, of_check.of) == (answer.row, answer.chosen_from)
        assert of_check.gain.value == pytest.approx(answer.adjusted_gain.value)


def test_the_adjusted_gain_is_no_larger_and_its_interval_reaches_lower(several: MeasuredSet) -> None:
    """Than those of the same variant alone."""
    comparison, adjusted = found(several)
    assert adjusted is not None
    assert adjusted.of >= 2
    alone = comparison.judge(adjusted.name).mean_change("in_domain")
    assert alone is not None
    assert adjusted.gain.value <= alone.value
    assert adjusted.gain.interval.low < alone.interval.low


def test_a_variant_that_may_not_ship_is_no_rival_of_one_that_may(several: MeasuredSet) -> None:
    """It couldn't have been chosen, whatever its gain."""
    wide = POLICY.model_copy(update={"margin": 30.0, "cap": 100.0})
    comparison, before = found(several, policy=wide)
    assert before is not None
    passing = [m.name for m in comparison.models if m.entry.kind == "variant" and comparison.judge(m.name).passed]
    assert before.name in passing
    rival = next(name for name in passing if name != before.name)
    ruined = with_values(several, rival, "General2", lambda values: values * 0 - 100)
    _, after = found(ruined, policy=wide)
    assert after is not None
    assert after.of == before.of - 1


def test_a_policy_that_passes_the_undecided_has_more_rivals(several: MeasuredSet) -> None:
    """Whoever passes could have been chosen."""
    lenient = POLICY.model_copy(update={"inconclusive_passes": True})
    comparison, adjusted = found(several, policy=lenient)
    assert adjusted is not None
    verdicts = [comparison.judge(model.name) for model in comparison.models if model.entry.kind == "variant"]
    passing = [verdict for verdict in verdicts if verdict.passed]
    assert any(verdict.outcome == "inconclusive" for verdict in passing)
    assert adjusted.of >= len(passing)


def test_one_variant_was_not_chosen(tmp_path: Path) -> None:
    """Its gain needs no adjustment, and none is stated."""
    assert found(state(tmp_path, variants=1))[1] is None
