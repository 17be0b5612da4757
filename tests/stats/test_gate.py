"""The decision: what passes, what fails, and for which of the reasons."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from pydantic import ValidationError

from tcmbench.errors import EvaluationError, ScoreMissing
from tcmbench.specs.policy import Policy
from tcmbench.stats import gate_evidence
from tcmbench.stats.estimates import Interval
from tcmbench.stats.gate import GateResult, Violation, judge, verdict_of
from tcmbench.stats.gate_evidence import TaskItems
from tcmbench.stats.multiplicity import holm
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.resampling import Resampling

RANDOM = np.random.default_rng(21)
ITEMS = 500
POLICY = Policy(n_resamples=1_000)
SCORE = RANDOM.choice([0.0, 100.0, 63.1, 50.0], ITEMS)


def _policy(**changes: object) -> Policy:
    return Policy(n_resamples=1_000, **changes)


def check(tasks: list[TaskItems], *, policy: Policy, missing: tuple[str, ...] = ()) -> GateResult:
    """Return the decision on the variant of each task."""
    plan = gate_evidence.plan_of(policy)
    evidence = [gate_evidence.resample(task, reference="base", plan=plan).evidence("tuned") for task in tasks]
    return judge(evidence, policy=policy, missing=missing)


def _items(name: str, role: str, tuned: object, base: object, **about: object) -> TaskItems:
    return TaskItems(name, role, "m", {"tuned": tuned, "base": base}, **about)


def _task(name: str, role: str, *, delta: float, noise: float = 4.0, items: int = ITEMS) -> TaskItems:
    base = SCORE[:items]
    return _items(name, role, base + _exactly(delta, noise, items), base)


def _exactly(delta: float, noise: float, items: int) -> np.ndarray:
    """Changes whose mean is exactly delta."""
    drawn = np.random.default_rng(5).normal(0, noise, items)
    return drawn - drawn.mean() + delta


def _suite(*, gain: float = 5.0, general: tuple[float, ...] = (0.0, 0.0), **options: float) -> list[TaskItems]:
    tasks = [_task("home", "in_domain", delta=gain)]
    return tasks + [_task(f"general{i}", "general", delta=delta, **options) for i, delta in enumerate(general)]


def test_a_gain_without_a_loss_passes() -> None:
    """The verdicts say improved and unchanged."""
    found = check(_suite(), policy=POLICY)
    assert (found.outcome, found.passed, found.violations) == ("pass", True, ())
    assert [verdict.verdict for verdict in found.tasks] == ["improved", "unchanged", "unchanged"]


def test_an_unchanged_rerun_passes_when_no_gain_is_asked_for() -> None:
    """Identical scores are unchanged everywhere, whatever the margin."""
    tasks = [_task("home", "in_domain", delta=0, noise=0), _task("general", "general", delta=0, noise=0)]
    found = check(tasks, policy=_policy(required_gain=None, margin=0.0, equivalence=0.0))
    assert found.outcome == "pass"
    assert {verdict.verdict for verdict in found.tasks} == {"unchanged"}


def test_a_sure_loss_beyond_the_margin_is_a_regression() -> None:
    """It names the rule and the figures."""
    found = check(_suite(general=(-3.0, -3.0)), policy=POLICY)
    assert found.outcome == "regression"
    assert [(v.rule, v.certain) for v in found.violations] == [("backward_transfer", True)]
    assert "−3.00" in found.violations[0].message
    assert found.tasks[1].verdict == "regressed"


def test_a_sure_loss_within_the_margin_passes() -> None:
    """A loss of 0.5 points is shown, real and small; unchanged means within the limits."""
    found = check(_suite(general=(-0.5, -0.5)), policy=POLICY)
    assert found.outcome == "pass"
    assert found.backward_transfer is not None
    assert found.backward_transfer.interval.high < 0
    assert found.tasks[1].verdict == "unchanged"


def test_too_few_items_are_inconclusive_and_don_t_pass() -> None:
    """No loss is shown and none is ruled out; a policy may let that pass."""
    tasks = _suite(general=(0.0,), noise=30.0, items=100)
    found = check(tasks, policy=POLICY)
    assert (found.outcome, found.passed) == ("inconclusive", False)
    assert [v.certain for v in found.violations] == [False]
    assert found.tasks[1].verdict == "inconclusive"
    assert check(tasks, policy=POLICY.model_copy(update={"inconclusive_passes": True})).passed


def test_one_task_beyond_its_cap_fails_though_the_mean_holds() -> None:
    """Gains elsewhere don't pay for a collapse."""
    found = check(_suite(general=(-8.0, 9.0, 9.0)), policy=POLICY)
    assert [(v.rule, v.task, v.certain) for v in found.violations] == [("task_cap", "general0", True)]


def test_a_task_may_have_a_cap_of_its_own() -> None:
    """A wider cap lets the same fall pass; a cap on a task that was not measured is a missing score."""
    tasks = _suite(general=(-8.0, 9.0, 9.0))
    assert check(tasks, policy=_policy(caps={"general0": 10.0})).outcome == "pass"
    assert check(tasks, policy=_policy(caps={"generel0": 10.0})).outcome == "missing"


def test_a_fall_by_just_the_cap_is_not_surely_beyond_it() -> None:
    """The cap fails on evidence, not on the figure."""
    assert check(_suite(general=(-5.01, 9.0)), policy=POLICY).outcome == "pass"


def test_messages_round_as_tables_do() -> None:
    """A true minus, and an interval that excludes zero isn't shown as one that touches it."""
    facts = {"value": -1.5, "low": -2.996, "high": -0.003, "level": 99.9, "limit": 1.0}
    fell = Violation("backward_transfer", "", True, "general_fell", facts)
    assert fell.message.startswith("Forgetting (BWT) is −1.500 [−2.996, −0.003] (99.9%): general tasks fell")


def test_a_gain_that_may_be_none_does_not_pass() -> None:
    """Without a gain nothing ships; a regression is only a loss, and no gain below the required one."""
    assert check(_suite(gain=0.0), policy=POLICY).outcome == "inconclusive"
    assert check(_suite(gain=-2.0), policy=POLICY).outcome == "regression"
    assert check(_suite(gain=2.0), policy=_policy(required_gain=3.0)).outcome == "too_little_gain"
    assert check(_suite(gain=2.0, general=(-3.0, -3.0)), policy=_policy(required_gain=3.0)).outcome == "regression"


def test_a_copy_of_the_base_gains_too_little() -> None:
    """What changed nothing harmed nothing; a loss that counts as unchanged is none either. Neither ever passes."""
    policy = _policy(inconclusive_passes=True)
    for delta, noise in ((0.0, 0.0), (-0.3, 1.0)):
        tasks = [_task("home", "in_domain", delta=delta, noise=noise), _task("general", "general", delta=0, noise=0)]
        found = check(tasks, policy=policy)
        assert (found.outcome, found.passed) == ("too_little_gain", False)
        assert found.tasks[0].verdict == "unchanged"


def test_the_figure_alone_can_be_made_enough_for_a_gain() -> None:
    """A policy may trust the estimate."""
    tasks = _suite(gain=0.05)
    assert check(tasks, policy=POLICY).outcome == "inconclusive"
    assert check(tasks, policy=_policy(gain_evidence="estimate")).outcome == "pass"


@pytest.mark.parametrize(
    ("drop", "policy", "missing"),
    [
        ("home", POLICY, ()),
        ("general0", POLICY, ()),
        ("", _policy(required_tasks=("elsewhere",)), ()),
        ("", POLICY, ("elsewhere",)),
    ],
)
def test_what_is_missing_fails(drop: str, policy: Policy, missing: tuple[str, ...]) -> None:
    """No in-domain task, no general task, or a task that should have been measured."""
    tasks = [task for task in _suite(general=(0.0,)) if task.task != drop]
    found = check(tasks, policy=policy, missing=missing)
    assert (found.outcome, found.passed) == ("missing", False)
    assert [v.rule for v in found.violations] == ["missing"]


def test_nothing_measured_is_missing() -> None:
    """An empty gate does not pass."""
    assert check([], policy=POLICY).outcome == "missing"


def test_a_nan_is_an_error_and_never_a_verdict() -> None:
    """A missing score of an item stops the gate."""
    broken = _items("home", "in_domain", [1.0, np.nan, 2.0], [1.0, 1.0, 2.0])
    with pytest.raises(ScoreMissing):
        check([broken], policy=POLICY)


def test_a_task_is_judged_once() -> None:
    """Two columns of one name are a mistake."""
    with pytest.raises(EvaluationError, match="once"):
        check([*_suite(), _task("home", "in_domain", delta=1)], policy=POLICY)


def test_correlations_and_average_precision_are_judged_in_points() -> None:
    """A model that mixes up similarities regresses on both."""
    gold = RANDOM.random(800)
    base, tuned = gold + RANDOM.normal(0, 0.2, 800), gold + RANDOM.normal(0, 0.8, 800)
    tasks = [
        _items("sts", "general", tuned, base, statistic="spearman", gold=gold),
        _items("pairs", "general", tuned, base, statistic="average_precision", gold=gold > 0.5),
    ]
    found = check(tasks, policy=Policy(required_gain=None, n_resamples=1_000))
    assert found.outcome == "regression"
    assert [verdict.verdict for verdict in found.tasks] == ["regressed", "regressed"]
    assert all(20 < verdict.base <= 100 and verdict.delta.value < -5 for verdict in found.tasks)


def test_tasks_over_the_same_patients_are_drawn_together() -> None:
    """Two tasks with the same scores of the same patients are no more evidence than one."""
    ids = [f"p{i}" for i in range(ITEMS)]
    one = _task("a", "general", delta=0.0, noise=30.0)
    same = [TaskItems(name, "general", "m", one.models, clusters=ids) for name in ("a", "b")]
    policy = _policy(required_gain=None)
    alone, twice = check(same[:1], policy=policy), check(same, policy=policy)
    assert alone.backward_transfer.interval == pytest.approx(twice.backward_transfer.interval)
    other = [_task(name, "general", delta=0.0, noise=30.0) for name in ("a", "b")]
    independent = check(other, policy=policy).backward_transfer
    assert np.ptp(independent.interval[:2]) < 0.8 * np.ptp(alone.backward_transfer.interval[:2])


@pytest.mark.parametrize(
    ("low", "high", "p", "expected"),
    [
        (-0.9, 0.9, 0.5, "unchanged"),
        (0.1, 0.9, 0.001, "unchanged"),
        (0.1, 2.0, 0.001, "improved"),
        (-2.0, -0.1, 0.001, "regressed"),
        (-2.0, -0.1, 0.06, "inconclusive"),
        (-2.0, 2.0, 0.9, "inconclusive"),
        (0.0, 0.0, 1.0, "unchanged"),
    ],
)
def test_verdicts_follow_from_interval_and_corrected_p(low: float, high: float, p: float, expected: str) -> None:
    """Equivalence first, then significance, else nothing is shown."""
    assert verdict_of(Interval(low, high), p_holm=p, policy=POLICY) == expected


@pytest.mark.parametrize("wrong", [{"margin": -1}, {"alpha": 0}, {"n_resamples": 10}, {"margn": 1.0}])
def test_a_wrong_policy_is_refused(wrong: dict[str, float]) -> None:
    """Negative sizes, impossible levels and misspelt rules are errors."""
    with pytest.raises(ValidationError):
        Policy(**wrong)


def test_the_gate_draws_what_a_board_draws() -> None:
    """A variant's interval is bit for bit that of many models resampled together, seeds included."""
    ids = [f"p{i // 2}" for i in range(ITEMS)]
    seeds = np.stack([SCORE + _exactly(delta, 10.0, ITEMS) for delta in (0.0, 1.0, 3.0)])
    items = TaskItems("x", "general", "m", {"lora": seeds, gate_evidence.REFERENCE: SCORE}, clusters=ids)
    policy = _policy(required_gain=None)
    resampled = gate_evidence.resample(items, reference=gate_evidence.REFERENCE, plan=gate_evidence.plan_of(policy))
    judged = judge([resampled.evidence("lora")], policy=policy).tasks[0]
    stream = "clusters:" + hashlib.sha256("\x00".join(ids).encode()).hexdigest()
    board = bootstrap(
        {"other": seeds[::-1], "mini": SCORE, "lora": seeds},
        clusters=ids,
        plan=Resampling(n_resamples=1_000, stream=stream),
    )
    assert judged.delta == board.difference("lora", "mini")
    assert judged.seeds == 3


def test_many_models_are_resampled_as_each_alone() -> None:
    """Sharing draws changes no figure of any of them."""
    models = {"base": SCORE, "a": SCORE + _exactly(1.0, 9.0, ITEMS), "b": SCORE + _exactly(-1.0, 5.0, ITEMS)}
    plan = Resampling(n_resamples=200)
    together = gate_evidence.resample(TaskItems("x", "general", "m", models), reference="base", plan=plan)
    pair = {name: models[name] for name in ("b", "base")}
    alone = gate_evidence.resample(TaskItems("x", "general", "m", pair), reference="base", plan=plan)
    one, other = together.evidence("b"), alone.evidence("b")
    np.testing.assert_array_equal(one.draws.resampled, other.draws.resampled)
    assert (one.p_value, one.improved, one.worse) == (other.p_value, other.improved, other.worse)


def test_the_only_task_of_a_role_is_decided_by_its_interval_and_the_others_by_holm_among_them() -> None:
    """Against the reference it is the primary question of its role; against a baseline all tasks are one family."""
    tasks = [
        _task("Only", "in_domain", delta=0.4),
        *(_task(f"General{number}", "general", delta=0.1 * number) for number in range(3)),
    ]
    only, *others = check(tasks, policy=POLICY).tasks
    assert only.verdict == verdict_of(only.delta.interval, policy=POLICY)
    assert [task.p_holm for task in others] == list(holm(np.array([task.p_value for task in others])))
    kept = check(tasks, policy=_policy(keep="all", required_gain=None)).tasks
    assert [task.p_holm for task in kept] == list(holm(np.array([task.p_value for task in kept])))
    assert only.p_holm < kept[0].p_holm
