"""The result of a search: every recipe that was tried, the selected one, and its confirmation."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - written as JSON by these types
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

TrialState = Literal["passed", "refused", "stopped", "failed"]


class Change(NamedTuple):
    """Mean change from the reference over the tasks of a role, in points."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class HalfFigures:
    """A model against the reference on one half of the items."""

    gain: Change | None
    """Over the in_domain tasks; None where they were not all measured."""

    held_out: Change | None
    """Over the held_out tasks."""

    general: Change | None
    """Over the general tasks: backward transfer (BWT)."""

    outcome: str
    """Outcome of the gate."""

    passed: bool
    """Whether it passes the gate on this half."""

    reasons: tuple[str, ...] = ()
    """Rules of the gate that are not met."""

    misses: Mapping[str, float] = field(default_factory=dict)
    """kept, gain → points by which its lower bound misses what the gate requires, negative where it holds; rules →
    other rules that are not met."""

    @property
    def shortfall(self) -> float:
        """Points that are missing for the gate, added up; a broken rule without points counts one."""
        return sum(max(0.0, miss) for miss in self.misses.values())


@dataclass(frozen=True, slots=True)
class TriedRecipe:
    """A trial: one recipe of the space."""

    number: int
    """From 0, in the order of the trials."""

    name: str
    """Name of its variant."""

    state: TrialState
    """passed: passes the gate on the selection half; refused: it doesn't; stopped: after the probe; failed: not trained
    or not measured."""

    parameters: Mapping[str, int | float | str]
    """Parameter → number, or label of the choice."""

    selection: HalfFigures | None = None
    """Figures on the selection half, of the probe's columns only for a stopped one; None for a failed one."""

    reason: str = ""
    """Why it was stopped or failed."""


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """A search up to the end of its budget."""

    space: str
    """Name of the space."""

    key: str
    """Hash of everything that the trials depend on; names the study in the store."""

    trials: tuple[TriedRecipe, ...]
    """All that were tried, in their order."""

    planned: int
    """Trials of the budget; more than were tried where the time was over."""

    level: float
    """Level of the intervals, such as 0.95."""

    margin: float
    """Points that the general tasks may lose."""

    required_gain: float | None
    """Points that the gain must exceed; None where none is required."""

    winner: int | None = None
    """Number of the selected trial; None where none passes the gate on the selection half."""

    nearest: int | None = None
    """Without a winner, the number of the measured trial with the smallest shortfall; None where none was measured."""

    row: str = ""
    """Row of the board with the winner's confirmed models."""

    seeds: tuple[int, ...] = ()
    """Seeds of the confirmed models."""

    retrained: bool = False
    """Whether the confirmed models are new trainings of the recipe; otherwise they are those of the trial."""

    is_one_model: bool = False
    """Whether the confirmed row is a single model, so that no noise of training is in its interval."""

    confirmation: HalfFigures | None = None
    """Figures of these on the confirmation half."""

    looks: int = 0
    """Recipes of this space that have been compared on the confirmation half, this one included. From the second on,
    the half isn't new any more."""

    @property
    def outcome(self) -> Literal["confirmed", "unconfirmed", "none_passed"]:
        """The answer."""
        if self.winner is None or self.confirmation is None:
            return "none_passed"
        return "confirmed" if self.confirmation.passed else "unconfirmed"

    @property
    def exit_code(self) -> int:
        """Exit code of the command: 0 where a recipe is confirmed, 1 otherwise."""
        return 0 if self.outcome == "confirmed" else 1

    @property
    def selected(self) -> TriedRecipe | None:
        """The winner; where there is none, the nearest trial."""
        number = self.nearest if self.winner is None else self.winner
        return None if number is None else self.trial(number)

    @property
    def curse(self) -> float | None:
        """Gain that the selection half alone would have claimed, minus the confirmed one, in points."""
        if self.winner is None or self.confirmation is None or self.confirmation.gain is None:
            return None
        claimed = self.trial(self.winner).selection
        return None if claimed is None or claimed.gain is None else claimed.gain.value - self.confirmation.gain.value

    def count(self, state: TrialState) -> int:
        """Return the number of trials in a state."""
        return sum(trial.state == state for trial in self.trials)

    def trial(self, number: int) -> TriedRecipe:
        """Return the trial of a number."""
        return next(trial for trial in self.trials if trial.number == number)
