"""A model's verdict, everything that is found against it, and the exit code that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.checks.state import Place
    from tcmbench.records.entry import Kind
    from tcmbench.stats.gate import GateResult, TaskVerdict
    from tcmbench.stats.policy import Policy

Outcome = Literal["pass", "inconclusive", "regression", "missing", "not_comparable"]
Against = Literal["baseline", "reference"]
Level = Literal["error", "warning"]

EXIT: dict[Outcome, int] = {"pass": 0, "inconclusive": 1, "regression": 1, "missing": 2, "not_comparable": 3}
"""Exit code of each outcome; of several models the highest counts."""

RULES = {
    "missing": "A required score was not measured",
    "not_comparable": "Scores of another task, or without a counterpart",
    "backward_transfer": "A loss over the general tasks beyond the margin is not ruled out",
    "kept": "A loss over all tasks beyond the margin is not ruled out",
    "task_regressed": "A task surely fell",
    "task_cap": "A task surely fell by more than its cap",
    "gain": "The gain that is asked for is not reached",
}
"""Every rule that can be broken, with what that means."""


class Problem(NamedTuple):
    """Why a column could not be judged."""

    kind: Literal["missing", "not_comparable"]
    column: str
    """Column; empty where it is about the whole model."""

    reason: str
    required: bool = True
    """Whether the policy asks for it; told otherwise."""


class Finding(NamedTuple):
    """One thing that is wrong."""

    rule: str
    """A key of `RULES`."""

    column: str
    """Column; empty where it is about several or the whole model."""

    level: Level
    """error: fails the gate; warning: told, where the policy lets it pass."""

    certain: bool
    """Whether harm is shown, or only not ruled out."""

    message: str


@dataclass(frozen=True, slots=True)
class ModelVerdict:
    """One model, judged."""

    name: str
    kind: Kind
    against: Against
    """Its own row in the baseline, or the set's reference."""

    seeds: int
    """Trainings behind its scores; 0 for models that were not trained here."""

    changed: bool
    """Whether any value differs from what it is held against."""

    result: GateResult | None
    """The gate's decision over the columns that could be judged; None where there are none."""

    problems: tuple[Problem, ...]
    """Columns that could not be judged."""

    policy: Policy
    """Rules it was judged by."""

    place: Place
    """Where it is declared."""

    @property
    def outcome(self) -> Outcome:
        """The most serious of its findings."""
        kinds = {problem.kind for problem in self.problems if problem.required}
        if "not_comparable" in kinds:
            return "not_comparable"
        if "missing" in kinds or self.result is None:
            return "missing"
        return self.result.outcome

    @property
    def passed(self) -> bool:
        """Whether it may ship."""
        lets = self.outcome == "inconclusive" and self.policy.inconclusive_passes
        return self.outcome == "pass" or lets

    @property
    def exit_code(self) -> int:
        """0 where it passed, else that of its outcome."""
        return 0 if self.passed else EXIT[self.outcome]

    @property
    def tasks(self) -> tuple[TaskVerdict, ...]:
        """Verdicts of single columns."""
        return self.result.tasks if self.result else ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything against it, columns that could not be judged first."""
        found = [
            Finding(p.kind, p.column, "error" if p.required else "warning", p.required, p.reason) for p in self.problems
        ]
        told = {problem.column for problem in self.problems}
        for violation in self.result.violations if self.result else ():
            if violation.rule == "missing" and violation.task in told:
                continue
            level: Level = "error" if violation.certain or not self.policy.inconclusive_passes else "warning"
            found.append(Finding(violation.rule, violation.task, level, violation.certain, violation.message))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Report:
    """What a check came to."""

    set_name: str
    suite: str
    synthetic: bool
    reference: str
    against: Against
    baseline: str
    """Path of the baseline; empty without one."""

    policy_file: str
    """Path of the policy; empty for the default."""

    models: tuple[ModelVerdict, ...]
    """Failing ones first, then in the set's order."""

    columns: int
    """Columns of the suite."""

    version: str
    """tcmbench's version."""

    @property
    def exit_code(self) -> int:
        """The highest of all models: 3 before 2 before 1."""
        return max((model.exit_code for model in self.models), default=2)

    @property
    def outcome(self) -> Outcome:
        """What the exit code says, in a word."""
        order: Sequence[Outcome] = ("not_comparable", "missing", "regression", "inconclusive")
        failed = {model.outcome for model in self.models if not model.passed}
        return next((outcome for outcome in order if outcome in failed), "pass")

    @property
    def headline(self) -> str:
        """One line: the decision and how many models it is about."""
        count = len(self.models)
        bad = sum(not model.passed for model in self.models)
        if not bad:
            same = sum(not model.changed for model in self.models)
            unchanged = f", {same} with exactly the same scores" if self.against == "baseline" else ""
            return f"PASS: {count} model{'s' * (count != 1)}{unchanged}"
        words = {
            "regression": "REGRESSION",
            "inconclusive": "INCONCLUSIVE",
            "missing": "MISSING",
            "not_comparable": "NOT COMPARABLE",
        }
        return f"{words[self.outcome]}: {bad} of {count} models {'does' if bad == 1 else 'do'} not pass"

    @property
    def advice(self) -> str:
        """What to do next; empty where all is well."""
        first = next((model for model in self.models if not model.passed), None)
        before = self.reference
        if first is not None and first.against == "baseline":
            before = f"{self.baseline}:{first.name}"
        look = f"Look closer: tcmbench compare {before} {first.name if first else ''} --set {self.set_name}"
        accept = f"Where the change is meant: tcmbench check {self.set_name} --update-baseline"
        return {
            "pass": "",
            "inconclusive": "No harm is shown and none is ruled out: measure more items or seeds, widen the margin, or "
            f"set inconclusive_passes = true in the policy. {look}",
            "regression": f"{look}\n{accept}" if self.against == "baseline" else look,
            "missing": f"Measure what is missing: tcmbench run {self.set_name}",
            "not_comparable": f"Look at what changed and, where it is meant: tcmbench check {self.set_name} "
            "--update-baseline",
        }[self.outcome]
