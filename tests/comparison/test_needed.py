"""What would decide an undecided gate, and what a suite can see: measured again with that much data, it does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.comparison.needed import Need, needed, noise
from tcmbench.comparison.precision import precision
from tcmbench.comparison.reference import AgainstReference
from tcmbench.errors import ScoreMissing
from tcmbench.records.entry import CellState
from tcmbench.specs.policy import Policy
from tests.comparison.states import POLICY, state, with_model, with_values, without

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.comparison.measured import Measured, MeasuredSet

VARIANT = "random-full-00"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MeasuredSet:
    """A set with a variant of three seeds."""
    return state(tmp_path_factory.mktemp("scores"), seeds=3, items=240)


def shifted(measured: MeasuredSet, points: float, spread: float) -> MeasuredSet:
    """Return the set with the variant's general task changed by this mean and deviation, all seeds alike."""
    base = measured.models[0].items["General2"].values[0]
    random = np.random.default_rng(4)
    moved = random.normal(0, spread, len(base))
    return with_values(
        measured, VARIANT, "General2", lambda values: np.tile(base + moved - moved.mean() + points, (len(values), 1))
    )


def of(measured: MeasuredSet, policy: Policy) -> tuple[Need, ...]:
    """Return what the variant needs."""
    comparison = AgainstReference(measured, policy=policy)
    return needed(comparison, [comparison.judge(VARIANT)])[VARIANT]


def only_general(measured: MeasuredSet) -> MeasuredSet:
    """Return the set without the other general column, whose statistic is another."""
    absent = CellState("not_applicable")
    for model in measured.models:
        measured = without(measured, model.name, "General3", absent)
    return measured


def test_the_items_that_are_named_decide_in_four_of_five_cases(whole: MeasuredSet) -> None:
    """At the stated standard error, an estimate drawn around the observed change passes with a chance of 80%."""
    policy = POLICY.model_copy(update={"required_gain": None})
    (need,) = of(shifted(only_general(whole), -0.2, 20.0), policy)
    assert (need.rule, need.towards) == ("backward_transfer", "pass")
    (more,) = need.items
    assert more.column == "General2"
    estimates = np.random.default_rng(1).normal(need.change.value, need.error_needed, 100_000)
    assert (estimates - 1.96 * need.error_needed >= -policy.margin).mean() == pytest.approx(0.8, abs=0.005)
    assert need.error * np.sqrt(more.now / more.needed) == pytest.approx(need.error_needed, rel=0.02)


def test_beyond_the_margin_more_data_is_expected_to_fail_it(whole: MeasuredSet) -> None:
    """A loss that isn't shown yet."""
    (need,) = of(shifted(only_general(whole), -1.5, 20.0), POLICY.model_copy(update={"required_gain": None}))
    assert need.towards == "fail"
    assert need.error_needed == pytest.approx(abs(need.change.value) / 2.8016, rel=1e-3)


def test_a_decided_variant_needs_nothing(whole: MeasuredSet) -> None:
    """Only those that are inconclusive are listed."""
    comparison = AgainstReference(shifted(only_general(whole), -5.0, 5.0), policy=POLICY)
    assert needed(comparison, [comparison.judge(VARIANT)]) == {}


def test_a_suite_sees_what_the_gate_reports_as_its_power(whole: MeasuredSet) -> None:
    """The smallest loss of BWT is the figure of `check`; half of it needs four times the items or more."""
    from tcmbench.stats.power import power

    comparison = AgainstReference(whole, policy=POLICY)
    kept = comparison.judge(VARIANT).mean_change("general")
    assert kept is not None
    smallest = power(kept.interval, margin=1.0).smallest_seen
    seen = precision(comparison, margins=(smallest, smallest / 2))
    (general,) = [role for role in seen.roles if role.role == "general"]
    assert seen.models == (VARIANT,)
    assert general.smallest == pytest.approx(smallest, rel=1e-6)
    assert general.wanted[0].factor == pytest.approx(1.0, abs=1e-6)
    assert general.wanted[0].seeds == 3
    half = general.wanted[1].factor
    assert half is None or half >= 4.0


def test_single_tasks_are_at_the_level_of_their_correction(whole: MeasuredSet) -> None:
    """Two general tasks: half of alpha each; the only task of a role has all of it."""
    seen = precision(AgainstReference(whole, policy=POLICY), margins=(1.0,))
    by_name = {task.column: task for task in seen.tasks}
    assert by_name["General2"].smallest / by_name["General2"].error == pytest.approx(2.2414 + 0.8416, abs=1e-3)
    assert by_name["InDomain0"].smallest / by_name["InDomain0"].error == pytest.approx(1.96 + 0.8416, abs=1e-3)


def test_the_noise_of_siblings_is_no_noise_of_items(tmp_path: Path) -> None:
    """A single seed beside a variant of three: its items are those of a set without seeds, the rest is training."""
    both = state(tmp_path, variants=2, seeds=3, items=240)
    first, second = (model.name for model in both.models if model.entry.kind == "variant")
    pooled = AgainstReference(_with_one_seed(both, first), policy=POLICY)
    alone = AgainstReference(_with_one_seed(_with_one_seed(both, first), second), policy=POLICY)
    columns = ("General2", "General3")
    sources = []
    for comparison in (pooled, alone):
        model = next(model for model in comparison.models if model.name == first)
        change = comparison.judge(first).mean_change("general")
        assert change is not None
        sources.append(noise(comparison, model, change, columns))
    assert sources[0].items == pytest.approx(sources[1].items, rel=1e-9)
    assert sources[0].seeds is not None
    assert sources[1].seeds is None
    assert sources[0].error > sources[1].error
    (need, *_) = needed(pooled, [pooled.judge(first)])[first]
    assert need.knows_training
    assert all(role.noise.seeds is not None for role in precision(pooled, margins=(1.0,)).roles)


def _with_one_seed(measured: MeasuredSet, name: str) -> MeasuredSet:
    def change(model: Measured) -> Measured:
        entry = replace(model.entry, scores={column: scores[:1] for column, scores in model.entry.scores.items()})
        items = {column: replace(of, values=of.values[:1]) for column, of in model.items.items()}
        return replace(model, entry=entry, items=items)

    return with_model(measured, name, change)


def test_without_scores_nothing_is_known(tmp_path: Path) -> None:
    """The message says what to measure."""
    measured = state(tmp_path, variants=1)
    for column in ("InDomain0", "HeldOut1", "General2", "General3"):
        for name in (VARIANT, "bm25-words"):
            measured = without(measured, name, column, CellState("pending"))
    with pytest.raises(ScoreMissing, match="Measure the set first"):
        precision(AgainstReference(measured, policy=POLICY), margins=(1.0,))
