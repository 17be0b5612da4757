"""Models against their own rows: what passes, what fails, what can't be compared, and with which exit code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.comparison import baseline as baselines
from tcmbench.comparison import regression
from tcmbench.comparison.reference import AgainstReference
from tcmbench.errors import NotComparable
from tcmbench.records.entry import CellState
from tcmbench.records.reason import Reason
from tcmbench.specs.policy import Policies
from tests.comparison.states import POLICIES, POLICY, state, with_record, with_values, without

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.comparison.baseline import Baseline
    from tcmbench.comparison.measured import Measured, MeasuredSet
    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.plugins import Kind

VARIANT = "random-full-00"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MeasuredSet:
    """A set with all its scores: mean, Spearman, two seeds."""
    return state(tmp_path_factory.mktemp("scores"))


@pytest.fixture(scope="module")
def kept(whole: MeasuredSet) -> Baseline:
    """Its baseline."""
    return baselines.make(whole, policy=POLICY)


def judge(now: MeasuredSet, kept: Baseline, policies: Policies = POLICIES) -> dict[str, ModelVerdict]:
    """Return the verdicts by model."""
    return {v.name: v for v in regression.judge(now, kept, policies=policies, where="baseline.json")}


def test_the_same_scores_pass_exactly(whole: MeasuredSet, kept: Baseline) -> None:
    """No column is resampled, every change is 0, whatever the statistic and the seeds."""
    for verdict in judge(whole, kept).values():
        assert (verdict.outcome, verdict.exit_code, verdict.changed) == ("pass", 0, False)
        assert {task.verdict for task in verdict.tasks} == {"unchanged"}
        assert all(task.delta.interval[:2] == (0.0, 0.0) for task in verdict.tasks)
        assert len(verdict.tasks) == len(whole.columns)


def test_what_another_processor_rounds_is_no_change(whole: MeasuredSet, kept: Baseline) -> None:
    """Below the baseline's last digit nothing moves."""
    moved = with_values(whole, "mini-zh", "InDomain0", lambda values: values + 1e-7)
    assert not judge(moved, kept)["mini-zh"].changed


@pytest.mark.parametrize("column", ["InDomain0", "HeldOut1", "General2"])
def test_a_fall_in_any_role_is_a_regression(whole: MeasuredSet, kept: Baseline, column: str) -> None:
    """In-domain tasks are to be kept too; the others' models are not touched."""
    fell = with_values(whole, VARIANT, column, lambda values: values * 0.7)
    found = judge(fell, kept)
    assert (found[VARIANT].outcome, found[VARIANT].exit_code) == ("regression", 1)
    assert ("task_regressed", column) in {(finding.rule, finding.column) for finding in found[VARIANT].findings}
    assert found["mini-zh"].exit_code == found["bm25-words"].exit_code == 0


def test_a_correlation_that_falls_is_a_regression(whole: MeasuredSet, kept: Baseline) -> None:
    """Similarities that lost their order."""
    noise = np.random.default_rng(3).normal(0, 2, 120)
    found = judge(with_values(whole, "mini-zh", "General3", lambda values: values + noise), kept)["mini-zh"]
    assert (found.outcome, found.tasks[-1].metric, found.tasks[-1].verdict) == (
        "regression",
        "cosine_spearman",
        "regressed",
    )


def test_a_gain_passes(whole: MeasuredSet, kept: Baseline) -> None:
    """Better is not worse."""
    found = judge(with_values(whole, "bm25-words", "InDomain0", lambda values: np.minimum(values + 30, 100)), kept)
    verdict = found["bm25-words"]
    assert (verdict.outcome, verdict.changed, verdict.tasks[0].verdict) == ("pass", True, "improved")


def test_a_missing_score_fails_with_its_reason(whole: MeasuredSet, kept: Baseline) -> None:
    """Failed, not measured or waiting: 2, never skipped; unless the policy doesn't require it, which is reported."""
    holed = without(whole, "mini-zh", "General2", CellState("failed", Reason.message("out of memory")))
    verdict = judge(holed, kept)["mini-zh"]
    assert (verdict.outcome, verdict.exit_code) == ("missing", 2)
    assert [(f.rule, f.column, f.message) for f in verdict.findings] == [
        ("missing", "General2", "failed: out of memory")
    ]
    lenient = POLICIES._replace(baseline=POLICIES.baseline.model_copy(update={"required_tasks": ("InDomain0",)}))
    verdict = judge(holed, kept, lenient)["mini-zh"]
    assert (verdict.exit_code, [f.level for f in verdict.findings]) == (0, ["warning"])


def test_a_required_task_that_nobody_knows_is_missing(whole: MeasuredSet, kept: Baseline) -> None:
    """A misspelt requirement doesn't pass."""
    wrong = POLICIES._replace(baseline=POLICIES.baseline.model_copy(update={"required_tasks": ("InDomian0",)}))
    assert {verdict.exit_code for verdict in judge(whole, kept, wrong).values()} == {2}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task_revision": "another"}, "same items, but other texts, labels, candidates or options"),
        ({"metric": "mrr_at_10"}, "the metric was ndcg_at_10, now it is mrr_at_10"),
    ],
)
def test_another_task_is_not_comparable(whole: MeasuredSet, kept: Baseline, changes: dict[str, str], said: str) -> None:
    """3, with what changed; the other tasks are still judged."""
    for verdict in judge(with_record(whole, "InDomain0", **changes), kept).values():
        assert verdict.exit_code == 3
        assert [(f.rule, f.column) for f in verdict.findings] == [("not_comparable", "InDomain0")]
        assert said in verdict.findings[0].message
        assert len(verdict.tasks) == len(whole.columns) - 1


def test_other_items_are_not_comparable(whole: MeasuredSet, kept: Baseline) -> None:
    """Ids are held by their hash."""
    now = kept.tasks["InDomain0"].model_copy(update={"ids": "0"})
    other = kept.model_copy(update={"tasks": {**kept.tasks, "InDomain0": now}})
    found = judge(whole, other)["mini-zh"]
    assert (found.exit_code, "its 120 items have other ids" in found.findings[0].message) == (3, True)


def test_a_task_that_joined_or_left_is_not_comparable(whole: MeasuredSet, kept: Baseline) -> None:
    """The suite is part of what is compared."""
    fewer = kept.model_copy(update={"tasks": {c: t for c, t in kept.tasks.items() if c != "InDomain0"}})
    assert "joined the suite" in judge(whole, fewer)["mini-zh"].findings[0].message
    shorter = replace(whole, suite=whole.suite.model_copy(update={"tasks": whole.suite.tasks[1:]}))
    found = judge(shorter, kept)["mini-zh"]
    assert (found.exit_code, "the suite no longer has the task" in found.findings[0].message) == (3, True)


def test_a_new_variant_is_held_against_the_reference(whole: MeasuredSet, kept: Baseline) -> None:
    """And a new base has nothing to be held against."""
    older = kept.model_copy(update={"models": {n: m for n, m in kept.models.items() if n == "mini-zh"}})
    found = judge(whole, older)
    assert (found[VARIANT].against, found["mini-zh"].against) == ("reference", "baseline")
    assert found["bm25-words"].exit_code == 3
    assert "is a base or a form" in found["bm25-words"].findings[0].message


def test_a_new_form_has_nothing_to_be_held_against(whole: MeasuredSet, kept: Baseline) -> None:
    """Whether it is as good as its model is another question; a comparison of the variants doesn't have it."""
    (model,) = (model for model in whole.models if model.name == VARIANT)
    form = replace(model, entry=replace(model.entry, name=f"{VARIANT}-int8", form_of=VARIANT))
    joined = replace(whole, models=(*whole.models, form))
    reference = AgainstReference(joined, policy=POLICY, names=[VARIANT])
    for comparison in (None, reference):
        verdicts = regression.judge(joined, kept, policies=POLICIES, where="baseline.json", reference=comparison)
        (new,) = (verdict for verdict in verdicts if verdict.name == form.name)
        assert (new.exit_code, "is a base or a form" in new.findings[0].message) == (3, True)


def test_a_model_that_is_gone_is_not_comparable(whole: MeasuredSet, kept: Baseline) -> None:
    """Taking a model out of the set doesn't make it pass."""
    fewer = replace(whole, models=whole.models[:2])
    found = judge(fewer, kept)[VARIANT]
    assert (found.kind, found.exit_code, "no longer has the model" in found.findings[0].message) == ("variant", 3, True)


def test_more_seeds_are_compared_as_recipes(whole: MeasuredSet, kept: Baseline) -> None:
    """Two seeds then, three now: means over seeds, with the noise of both in the interval."""
    more = with_values(whole, VARIANT, "InDomain0", lambda values: np.concatenate([values, values[:1] - 1]))
    found = judge(more, kept)[VARIANT]
    assert (found.changed, found.tasks[0].seeds) == (True, 3)


def test_a_baseline_of_another_set_is_refused(whole: MeasuredSet, kept: Baseline) -> None:
    """3, before anything is judged."""
    with pytest.raises(NotComparable, match="baseline of set 'other', not of 'fake'"):
        judge(whole, kept.model_copy(update={"set": "other"}))


STATISTIC = """\"\"\"The share of items above half.\"\"\"

import numpy as np

from tcmbench.stats.paired import bootstrap

VALUES = ""
GOLD = ""
STEP = 1.0
HAS_ITEM_SCORES = True


def value(values, gold):
    \"\"\"Return the share.\"\"\"
    return float((np.asarray(values) > 0.5).mean())


def draws(models, gold, *, clusters, plan):
    \"\"\"Return the share of every model in every resample, in points.\"\"\"
    above = {name: 100.0 * (np.asarray(values) > 50) for name, values in models.items()}
    return bootstrap(above, clusters=clusters, plan=plan)
"""


def test_a_statistic_of_another_package_is_judged(
    whole: MeasuredSet, install: Callable[[Kind, str, str], Path]
) -> None:
    """One file defines rounding and resampling; gate and board use nothing else."""
    install("statistics", "share_above", STATISTIC)
    column = "InDomain0"

    def change(model: Measured) -> Measured:
        return replace(model, items={**model.items, column: replace(model.items[column], statistic="share_above")})

    recorded = with_record(whole, column, statistic="share_above")
    other = replace(recorded, models=tuple(change(model) for model in recorded.models))
    kept = baselines.make(other, policy=POLICY)
    assert (kept.row("mini-zh", column, where="b") % 1 == 0).all()
    fell = with_values(other, VARIANT, column, lambda values: np.minimum(values, 49))
    (task, *_) = judge(fell, kept)[VARIANT].tasks
    above = other.model(VARIANT).items[column].values > 50
    assert task.delta.value == pytest.approx(-100 * above.mean())
    assert task.verdict == "regressed"
