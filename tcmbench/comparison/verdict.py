"""One model compared with another: its figures, its findings, and the resulting outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.records.entry import CellState, Kind
    from tcmbench.specs.policy import Policy
    from tcmbench.specs.suite import Role
    from tcmbench.stats.estimates import Estimate
    from tcmbench.stats.forgetting import Forgetting
    from tcmbench.stats.gate import GateResult, TaskVerdict, Verdict, Violation

Outcome = Literal["pass", "inconclusive", "too_little_gain", "regression", "missing", "not_comparable"]
Against = Literal["baseline", "reference", "source"]
Level = Literal["error", "warning"]

EXIT: Mapping[Outcome, int] = {
    "pass": 0,
    "inconclusive": 1,
    "too_little_gain": 1,
    "regression": 1,
    "missing": 2,
    "not_comparable": 3,
}
"""Exit code of each outcome; the highest among several models applies."""


class Problem(NamedTuple):
    """Why a column could not be judged."""

    kind: Literal["missing", "not_comparable", "unjudged"]
    column: str
    """Column; empty where it is about the whole model."""

    reason: str
    required: bool = True
    """Whether the policy requires it; a warning otherwise."""


class Finding(NamedTuple):
    """One problem of a model."""

    rule: str
    """missing, not_comparable, unjudged, or a rule of the gate."""

    column: str
    """Column; empty where it is about several or the whole model."""

    level: Level
    """error: fails the gate; warning: reported, but allowed by the policy."""

    certain: bool
    """Whether harm is shown, or only not ruled out."""

    message: str


@dataclass(frozen=True, slots=True)
class ModelVerdict:
    """The verdict on one model."""

    name: str
    kind: Kind
    against: Against
    """Its own row in the baseline, the set's reference, or the model that it is a form of."""

    seeds: int
    """Number of trainings; 0 for models that were not trained here."""

    changed: bool
    """Whether any value differs from that of the counterpart."""

    result: GateResult
    """The gate's decision over the columns that could be judged."""

    problems: tuple[Problem, ...]
    """Columns that could not be judged."""

    policy: Policy
    """Rules of the verdict."""

    counterpart: str = ""
    """Name of the reference or source; empty against the baseline."""

    incomplete: frozenset[Role] = frozenset()
    """Roles with a task that could not be judged: they have no mean change."""

    partial: frozenset[Role] = frozenset()
    """Roles with tasks that the model can't do: their means are over the others."""

    forgetting: Forgetting | None = None
    """Forgetting on the general tasks; against the reference only, and only where all of them were judged."""

    @property
    def outcome(self) -> Outcome:
        """The most serious of its findings."""
        kinds = {problem.kind for problem in self.problems if problem.required}
        if "not_comparable" in kinds:
            return "not_comparable"
        if kinds or not self.tasks:
            return "missing"
        return self.result.outcome

    @property
    def passed(self) -> bool:
        """Whether it may ship."""
        lets = self.outcome == "inconclusive" and self.policy.inconclusive_passes
        return self.outcome == "pass" or lets

    @property
    def exit_code(self) -> int:
        """Exit code: 0 where it passed, else that of its outcome."""
        return 0 if self.passed else EXIT[self.outcome]

    @property
    def tasks(self) -> tuple[TaskVerdict, ...]:
        """Verdicts of single columns."""
        return self.result.tasks

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Rules of the gate that are not met, except those explained by the columns that could not be judged."""
        explained = {problem.column for problem in self.problems}
        if any(problem.kind == "unjudged" for problem in self.problems):
            explained.add("")  # findings without a column: no task of a role was measured
        if not self.tasks:
            # Where nothing was judged, the problems are the reason for everything else that is missing.
            return tuple(v for v in self.result.violations if v.rule != "missing")
        return tuple(v for v in self.result.violations if v.rule != "missing" or v.task not in explained)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, columns that could not be judged first."""
        findings = [
            Finding(p.kind, p.column, "error" if p.required else "warning", p.required, p.reason) for p in self.problems
        ]
        for violation in self.violations:
            level: Level = "error" if violation.certain or not self.policy.inconclusive_passes else "warning"
            findings.append(Finding(violation.rule, violation.task, level, violation.certain, violation.message))
        return tuple(findings)

    def mean_change(self, role: Role) -> Estimate | None:
        """Return the mean change over the tasks of a role; None where one of them could not be judged."""
        if role in self.incomplete:
            return None
        return {
            "in_domain": self.result.gain_in_domain,
            "held_out": self.result.gain_held_out,
            "general": self.result.backward_transfer,
        }[role]

    def mean_verdict(self, role: Role) -> Verdict | None:
        """Return the verdict on the mean change over the tasks of a role; None where there is none."""
        from tcmbench.stats.gate import verdict_of

        change = self.mean_change(role)
        return None if change is None else verdict_of(change.interval, policy=self.policy)

    @property
    def is_pooled(self) -> bool:
        """Whether it has one seed, and intervals cover the noise of training by its siblings' seeds."""
        return any(task.is_pooled for task in self.tasks)

    def task(self, column: str) -> TaskVerdict | None:
        """Return the verdict on a column; None where it was not judged."""
        return next((task for task in self.tasks if task.task == column), None)


def because(gap: CellState) -> str:
    """Return why there is no score, in words."""
    state = gap.state.replace("_", " ")
    return f"{state}: {gap.reason}" if gap.reason else state
