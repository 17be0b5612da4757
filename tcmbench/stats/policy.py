"""What a variant may lose and must gain before it may ship."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Policy(BaseModel):
    """The rules of the gate; all sizes in points (0–100)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    keep: Literal["general", "all"] = "general"
    """Tasks whose mean change is held against the margin: the general ones (what was forgotten, for a variant against
    its base), or all (for a model against its own earlier scores, which has nothing to gain and all to keep)."""

    margin: float = Field(default=1.0, ge=0)
    """Points that the mean over the kept tasks may lose: its lower bound must not lie below minus this."""

    cap: float = Field(default=5.0, ge=0)
    """Points that one task may fall. It fails only where it surely fell by more, corrected for the number of tasks."""

    caps: dict[str, float] = Field(default_factory=dict)
    """Task → its own cap."""

    regressed_tasks: Literal["tell", "fail"] = "tell"
    """Whether a single task with the verdict `regressed` is a regression, or is told and weighed by the margin."""

    required_gain: float | None = 0.0
    """Points that the mean over the in_domain tasks must surely gain more than; None asks for no gain."""

    gain_evidence: Literal["interval", "estimate"] = "interval"
    """Whether the lower bound of the gain must lie above the required one, or the figure itself is enough."""

    inconclusive_passes: bool = False
    """Whether a variant passes when nothing is shown against it and only certainty is lacking (too few items)."""

    equivalence: float = Field(default=1.0, ge=0)
    """A task is unchanged where the whole interval of its change lies within plus and minus this."""

    required_tasks: tuple[str, ...] = ()
    """Tasks that must have been measured; empty: every task of the suite. One with a cap of its own is required too."""

    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Chance of a false alarm. Each of the rules on kept tasks and on caps spends half of it."""

    n_resamples: int = Field(default=10_000, ge=1_000)
    """Bootstrap resamples and random flips."""

    seed: int = Field(default=0, ge=0)
    """Seed of both."""

    def requires(self, task: str) -> bool:
        """Return whether a task of the suite must have been measured."""
        return not self.required_tasks or task in self.required_tasks or task in self.caps

    def cap_of(self, task: str) -> float:
        """Return how many points a task may fall."""
        return self.caps.get(task, self.cap)
