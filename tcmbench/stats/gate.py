"""The decision whether a variant may ship: pure functions from evidence and a policy to verdicts and violations.

Whether a difference is significant is decided here alone (`verdict_of`), for gate, board and `compare`. The mean over a
role is the primary question of that role: its interval decides. Single tasks are corrected by Holm over the tasks of
the model. A role with a single task has no mean apart from it: the task is the primary question, is decided as such,
and is no member of the family.

The rule on backward transfer is a non-inferiority test (Piaggio et al., CONSORT extension, JAMA 2012): the absence of a
significant loss is not enough, a loss beyond the margin must be ruled out. A task is unchanged only where two one-sided
tests show equivalence (Schuirmann 1987). Everything is in points (0–100).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from tcmbench.errors import EvaluationError
from tcmbench.stats.draws import Draws, mean_over_tasks
from tcmbench.stats.multiplicity import holm
from tcmbench.text.numbers import digits_of, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.specs.policy import Policy
    from tcmbench.stats.estimates import Estimate, Interval

Role = Literal["in_domain", "held_out", "general"]
Verdict = Literal["improved", "unchanged", "inconclusive", "regressed"]
Rule = Literal["missing", "backward_transfer", "kept", "task_regressed", "task_cap", "gain"]
Outcome = Literal["pass", "regression", "too_little_gain", "inconclusive", "missing"]
Said = Literal[
    "not_measured", "base_not_measured", "no_general", "no_task", "no_in_domain", "general_fell", "general_unsure",
    "all_fell", "all_unsure", "task_fell", "beyond_cap", "gain_unsure", "gain_below",
]  # fmt: skip

TUNED = "tuned"
BASE = "base"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of one task about a variant; computed from scores of items by `gate_evidence`."""

    task: str
    """Name of the task."""

    role: Role
    """Role of the task."""

    metric: str
    """Name of the metric."""

    draws: Draws
    """Draws of the models `TUNED` and `BASE`, in points."""

    p_value: float
    """Two-sided p value of the difference."""

    improved: int | None = None
    """Items that score higher; None where the statistic has no scores of items."""

    worse: int | None = None
    """Items that score lower."""


class TaskVerdict(NamedTuple):
    """One task, judged."""

    task: str
    role: Role
    metric: str

    base: float
    """Points of the base."""

    tuned: float
    """Points of the variant, mean over seeds."""

    delta: Estimate
    """Change with its interval at 1 − alpha."""

    p_value: float
    """Two-sided p value of the change."""

    p_holm: float
    """The same, corrected over the tasks of the gate; of the only task of a role, uncorrected, from its draws."""

    verdict: Verdict
    """See `verdict_of`."""

    cap: float
    """Points that the task may fall."""

    p_cap: float
    """One-sided p value against "it fell by no more than the cap", corrected over the tasks of the gate."""

    n: int
    n_clusters: int
    seeds: int
    improved: int | None
    worse: int | None

    is_pooled: bool = False
    """Whether the interval covers the noise of training by its siblings' seeds, as it has a single one."""


SENTENCES: Mapping[Said, str] = {
    "not_measured": "{task} was not measured. Run it, or take it out of the policy or suite.",
    "base_not_measured": "{task}: the reference was not measured, so the change is unknown. Run it.",
    "no_general": "No general task was measured, so forgetting is unknown. Add one to the suite.",
    "no_task": "No task was measured.",
    "no_in_domain": "No in_domain task was measured, so the gain is unknown. Add one to the suite, or ask for no gain: "
    'required_gain = "none" in the policy.',
    "general_fell": "Forgetting (BWT) is {value} [{low}, {high}] ({level:g}%): general tasks fell, "
    "and a loss beyond the margin of {limit:g} is not ruled out.",
    "general_unsure": "Forgetting (BWT) is {value} [{low}, {high}] ({level:g}%): no fall is shown, "
    "but a loss beyond the margin of {limit:g} is not ruled out. Measure more items or tasks, or widen the margin.",
    "all_fell": "The mean change over all tasks is {value} [{low}, {high}] ({level:g}%): scores fell, "
    "and a loss beyond the margin of {limit:g} is not ruled out.",
    "all_unsure": "The mean change over all tasks is {value} [{low}, {high}] ({level:g}%): no fall is "
    "shown, but a loss beyond the margin of {limit:g} is not ruled out. Measure more items or tasks, or widen the "
    "margin.",
    "task_fell": "{task} went from {base:.2f} to {tuned:.2f}: {value} points [{low}, {high}] "
    "({level:g}%, p = {p:.2g} after Holm).",
    "beyond_cap": "{task} fell by {fall:.2f} points [{low}, {high}], significantly more than "
    "its cap of {limit:g} (p = {p:.2g} after Holm).",
    "gain_unsure": "The in-domain gain is {value} [{low}, {high}]; required is significantly more than {limit:g}.",
    "gain_below": "The in-domain gain is {value}; required is more than {limit:g}.",
}
"""Templates of the messages, filled with the task and the facts of a violation."""


class Violation(NamedTuple):
    """A rule of the policy that is not met."""

    rule: Rule
    task: str
    """Task that violates it; empty where the rule is about several."""

    certain: bool
    """Whether it is shown that the rule is broken (True), or it just isn't shown to hold with this number of items."""

    said: Said
    """Key of its message in `SENTENCES`."""

    facts: Mapping[str, float] = {}
    """Values of the message: points, levels in percent and p values, unrounded."""

    @property
    def message(self) -> str:
        """The message in English."""
        return self.filled(SENTENCES[self.said])

    def filled(self, sentence: str) -> str:
        """Return a template, of any language, filled with the task and the facts, rounded as in tables of `check`."""
        facts: dict[str, float | str] = dict(self.facts)
        ends = {name: self.facts[name] for name in ("value", "low", "high") if name in self.facts}
        if ends:
            digits = digits_of(ends["value"], ends["low"], ends["high"], least=2)
            facts |= {name: signed(end, digits) for name, end in ends.items()}
        return sentence.format(task=self.task, **facts)


class GateResult(NamedTuple):
    """The decision and its reasons."""

    outcome: Outcome
    """The first that applies of: missing; regression: harm is shown; too_little_gain: the gain is certainly no larger
    than the required one, without harm; inconclusive; pass."""

    tasks: tuple[TaskVerdict, ...]
    """In the order given."""

    kept: Estimate | None
    """Mean change over the tasks that the policy keeps, compared with its margin; None where there are none."""

    backward_transfer: Estimate | None
    """Mean change over the general tasks; None where there are none."""

    gain_in_domain: Estimate | None
    """Mean change over the in_domain tasks."""

    gain_held_out: Estimate | None
    """Mean change over the held_out tasks; shown, not judged."""

    violations: tuple[Violation, ...]
    """Empty exactly where the outcome is pass."""

    passed: bool
    """Whether the variant may ship: the outcome is pass, or inconclusive where the policy lets that pass."""


def judge(
    tasks: Sequence[Evidence], *, policy: Policy, missing: Sequence[str] = (), without_base: Sequence[str] = ()
) -> GateResult:
    """Return the decision of a policy on a variant.

    Args:
        tasks: Evidence of every task that was measured, resampled equally often.
        policy: The rules.
        missing: Tasks of the suite that were not measured. The outcome is `missing` if the policy requires one of
            them, or requires or caps a task that is not in the suite.
        without_base: Tasks on which the variant was measured and its base was not; they count as missing too.

    Raises:
        EvaluationError: A task occurs twice, or tasks were resampled differently.
    """
    names = [task.task for task in tasks]
    if len(set(names)) != len(names):
        raise EvaluationError(f"a gate judges each task once, got {', '.join(names)}")
    verdicts = _verdicts(tasks, policy)
    transfer = _mean_change(tasks, "general", policy)
    gain = _mean_change(tasks, "in_domain", policy)
    kept = transfer if policy.keep == "general" else _mean_change(tasks, None, policy)
    required = {name for name in (*missing, *without_base) if policy.requires(name)}
    absent = sorted({*required, *policy.required_tasks, *policy.caps} - set(names))
    violations = [
        *(_missing(name, without_base=without_base) for name in absent),
        *_kept_violations(kept, policy),
        *(violation for verdict in verdicts for violation in _regressed_violations(verdict, policy)),
        *(violation for verdict in verdicts for violation in _cap_violations(verdict, policy)),
        *_gain_violations(gain, policy),
    ]
    outcome = _outcome(violations, gain=gain, policy=policy)
    return GateResult(
        outcome=outcome,
        tasks=tuple(verdicts),
        kept=kept,
        backward_transfer=transfer,
        gain_in_domain=gain,
        gain_held_out=_mean_change(tasks, "held_out", policy),
        violations=tuple(violations),
        passed=outcome == "pass" or (outcome == "inconclusive" and policy.inconclusive_passes),
    )


def verdict_of(interval: Interval, *, policy: Policy, p_holm: float | None = None) -> Verdict:
    """Return the verdict on a difference: the only place where one is called significant (improved or regressed).

    unchanged: the interval lies within ±equivalence. This comes first: with thousands of items a loss of 0.2 points is
    significant, and still negligible. improved, regressed: the interval excludes zero, and so does the test.

    Args:
        interval: Interval of the difference at 1 − alpha.
        policy: Alpha and equivalence.
        p_holm: Corrected p value of a single task; None for the mean over a role, which its interval decides.
    """
    if interval.within(policy.equivalence):
        return "unchanged"
    if interval.holds(0.0) or (p_holm is not None and p_holm >= policy.alpha):
        return "inconclusive"
    return "improved" if interval.low > 0 else "regressed"


def _verdicts(tasks: Sequence[Evidence], policy: Policy) -> list[TaskVerdict]:
    level = 1 - policy.alpha
    alone = _alone(tasks, policy)
    corrected = iter(holm(np.array([task.p_value for task in tasks if task.task not in alone])))
    caps = [policy.cap_of(task.task) for task in tasks]
    p_cap = holm(
        np.array([task.draws.chance_at_least(TUNED, BASE, at=-cap) for task, cap in zip(tasks, caps, strict=True)])
    )
    verdicts = []
    for place, task in enumerate(tasks):
        delta = task.draws.difference(TUNED, BASE, level=level)
        p = task.draws.two_sided(TUNED, BASE) if task.task in alone else float(next(corrected))
        verdicts.append(
            TaskVerdict(
                task=task.task,
                role=task.role,
                metric=task.metric,
                base=task.draws.value(BASE),
                tuned=task.draws.value(TUNED),
                delta=delta,
                p_value=task.p_value,
                p_holm=p,
                verdict=verdict_of(delta.interval, policy=policy, p_holm=None if task.task in alone else p),
                cap=caps[place],
                p_cap=float(p_cap[place]),
                n=task.draws.n_items,
                n_clusters=task.draws.n_clusters,
                seeds=task.draws.n_seeds[task.draws.names.index(TUNED)],
                improved=task.improved,
                worse=task.worse,
                is_pooled=TUNED in task.draws.pooled,
            )
        )
    return verdicts


def _alone(tasks: Sequence[Evidence], policy: Policy) -> set[str]:
    """Return the tasks that are the only one of their role; none where the policy keeps the mean of all tasks."""
    if policy.keep == "all":
        return set()
    count = Counter(task.role for task in tasks)
    return {task.task for task in tasks if count[task.role] == 1}


def _mean_change(tasks: Sequence[Evidence], role: Role | None, policy: Policy) -> Estimate | None:
    draws = [task.draws for task in tasks if role is None or task.role == role]
    return mean_over_tasks(draws).difference(TUNED, BASE, level=1 - policy.alpha) if draws else None


def _missing(name: str, *, without_base: Sequence[str]) -> Violation:
    return Violation("missing", name, True, "base_not_measured" if name in without_base else "not_measured")


def _kept_violations(kept: Estimate | None, policy: Policy) -> list[Violation]:
    general = policy.keep == "general"
    if kept is None:
        return [Violation("missing", "", True, "no_general" if general else "no_task")]
    if kept.interval.low >= -policy.margin:
        return []
    fell = kept.interval.high < 0
    said: Said = ("general_fell" if fell else "general_unsure") if general else ("all_fell" if fell else "all_unsure")
    return [Violation("backward_transfer" if general else "kept", "", fell, said, _facts(kept, limit=policy.margin))]


def _regressed_violations(verdict: TaskVerdict, policy: Policy) -> list[Violation]:
    if policy.regressed_tasks == "tell" or verdict.verdict != "regressed":
        return []
    facts = _facts(verdict.delta, base=verdict.base, tuned=verdict.tuned, p=verdict.p_holm)
    return [Violation("task_regressed", verdict.task, True, "task_fell", facts)]


def _cap_violations(verdict: TaskVerdict, policy: Policy) -> list[Violation]:
    # Half of alpha: the other half is spent on backward transfer.
    if verdict.p_cap >= policy.alpha / 2:
        return []
    facts = _facts(verdict.delta, fall=-verdict.delta.value, limit=verdict.cap, p=verdict.p_cap)
    return [Violation("task_cap", verdict.task, True, "beyond_cap", facts)]


def _gain_violations(gain: Estimate | None, policy: Policy) -> list[Violation]:
    if policy.required_gain is None:
        return []
    if gain is None:
        return [Violation("missing", "", True, "no_in_domain")]
    by_interval = policy.gain_evidence == "interval"
    if (gain.interval.low if by_interval else gain.value) > policy.required_gain:
        return []
    shown = gain.interval.high <= policy.required_gain
    said: Said = "gain_unsure" if by_interval else "gain_below"
    return [Violation("gain", "", shown, said, _facts(gain, limit=policy.required_gain))]


def _facts(estimate: Estimate, **more: float) -> dict[str, float]:
    low, high, level = estimate.interval
    return {"value": estimate.value, "low": low, "high": high, "level": 100 * level, **more}


def _outcome(violations: Sequence[Violation], *, gain: Estimate | None, policy: Policy) -> Outcome:
    if not violations:
        return "pass"
    if any(violation.rule == "missing" for violation in violations):
        return "missing"
    certain = {violation.rule for violation in violations if violation.certain}
    # A small gain, or none, is no harm; the same verdict as on the board decides where it is a loss.
    fell = gain is not None and verdict_of(gain.interval, policy=policy) == "regressed"
    if certain - {"gain"} or (certain and fell):
        return "regression"
    return "too_little_gain" if certain else "inconclusive"
