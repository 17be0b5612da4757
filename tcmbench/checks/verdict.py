"""Result of a check: the verdicts on a set's models, and the resulting exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.checks.state import Place
    from tcmbench.comparison.best import Best
    from tcmbench.comparison.cures import CureAdvice
    from tcmbench.comparison.needed import Need
    from tcmbench.comparison.verdict import Against, ModelVerdict, Outcome

RULES = {
    "missing": "A required score was not measured",
    "not_comparable": "Scores of another task, or without a counterpart",
    "unjudged": "A difference has no interval, so it can't be judged",
    "backward_transfer": "A loss over the general tasks beyond the margin is not ruled out",
    "kept": "A loss over all tasks beyond the margin is not ruled out",
    "task_regressed": "A task fell significantly",
    "task_cap": "A task fell by significantly more than its cap",
    "gain": "The required gain is not reached",
}
"""Rules with the meaning of a violation."""


class LookTaken(NamedTuple):
    """The look at a set that a report is of."""

    number: int
    """Number of the look, from 1."""

    planned: int
    """Planned looks; 1 without a plan."""

    alpha: float
    """Alpha of all of them together."""

    alpha_now: float
    """Alpha of this one."""


@dataclass(frozen=True, slots=True)
class Report:
    """Result of a check."""

    set_name: str
    suite: str
    synthetic: bool
    reference: str
    against: Against
    baseline: str
    """Path of the baseline, or time and commit of the last state that passed; empty without one."""

    policy_source: str
    """Source of the policy: default, the set, or the path of a file."""

    models: tuple[ModelVerdict, ...]
    """Failing ones first, then in the set's order."""

    places: Mapping[str, Place]
    """Model → where it is declared, if anywhere."""

    columns: int
    """Columns of the suite."""

    version: str
    """tcmbench's version."""

    conditions: tuple[str, ...] = ()
    """Sentences on samples of tasks and unlike precisions."""

    is_declared: bool = True
    """Whether the set has a file; else its models were named on the command line."""

    cure_advice: CureAdvice | None = None
    """Against the reference: the cure that worked, or the variant to try one on; None where neither applies."""

    best: Best | None = None
    """Against the reference: the best variant's gain, adjusted for the choice among several."""

    look: LookTaken | None = None
    """Against the reference: which of the planned looks this is."""

    needs: Mapping[str, tuple[Need, ...]] | None = None
    """Inconclusive variant → what would decide it; None where that was not requested."""

    is_last_green: bool = False
    """Whether the baseline is the last state of the set's history that passed, not a file."""

    other: Report | None = None
    """The other comparison, where it is possible; it doesn't affect the exit code."""

    @property
    def exit_code(self) -> int:
        """The highest of all models: 3 before 2 before 1."""
        return max((model.exit_code for model in self.models), default=2)

    @property
    def outcome(self) -> Outcome:
        """Meaning of the exit code, in a word."""
        order: Sequence[Outcome] = ("not_comparable", "missing", "regression", "too_little_gain", "inconclusive")
        failed = {model.outcome for model in self.models if not model.passed}
        return next((outcome for outcome in order if outcome in failed), "pass")

    @property
    def question(self) -> str:
        """Question that the comparison answers."""
        return {
            "baseline": "did anything get worse?",
            "reference": "may it ship?",
            "source": "is each form as good as its model?",
        }[self.against]

    @property
    def headline(self) -> str:
        """One line: the decision and the number of models."""
        count = len(self.models)
        bad = sum(not model.passed for model in self.models)
        if not bad:
            same = sum(not model.changed for model in self.models)
            unchanged = f", {same} with exactly the same scores" if self.against == "baseline" else ""
            return f"PASS: {count} model{'s' * (count != 1)}{unchanged}"
        words = {
            "regression": "REGRESSION",
            "too_little_gain": "TOO LITTLE GAIN",
            "inconclusive": "INCONCLUSIVE",
            "missing": "MISSING",
            "not_comparable": "NOT COMPARABLE",
        }
        return f"{words[self.outcome]}: {bad} of {count} models {'does' if bad == 1 else 'do'} not pass"

    @property
    def advice(self) -> str:
        """Next step; empty where all models pass."""
        first = next((model for model in self.models if not model.passed), None)
        before = first.counterpart if first is not None and first.counterpart else self.reference
        if first is not None and first.against == "baseline":
            before = f"{self.baseline}:{first.name}"
        if first is not None and self.outcome == "missing" and all(p.kind == "unjudged" for p in first.problems):
            return (
                "Measure these columns on more items, or leave them out of the verdict: list only the others as "
                "required_tasks in the policy."
            )
        look = "For details: tcmbench compare, with the same models and tasks."
        if self.is_last_green:
            look = f"For details, and what changed since: tcmbench history {self.set_name}"
        elif self.is_declared:
            look = f"For details: tcmbench compare {before} {first.name if first else ''} --set {self.set_name}"
        accept = f"\nIf the change is intended: tcmbench check {self.set_name} --update-baseline"
        after = f"{look}{accept}" if self.against == "baseline" else look
        return {
            "pass": "",
            "inconclusive": "Harm is neither shown nor ruled out: measure more items or seeds, widen the margin, or "
            f"set inconclusive_passes = true in the policy. {look}",
            "too_little_gain": "No harm is shown, but the gain is no larger than required: tune further, or lower "
            f"required_gain in the policy. {after}",
            "regression": after,
            "missing": f"Measure the missing scores: tcmbench run {self.set_name}" if self.is_declared else "",
            "not_comparable": f"Review the changes and, if they are intended: tcmbench check {self.set_name} "
            "--update-baseline",
        }[self.outcome]
