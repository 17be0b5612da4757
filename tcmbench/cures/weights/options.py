"""Options of cures that weigh several models."""

from __future__ import annotations

from pydantic import Field, field_validator

from tcmbench.errors import SpecError
from tcmbench.plugins import PluginOptions


class WeightedOptions(PluginOptions):
    """A weight for each model."""

    weights: tuple[float, ...] = Field(default=(), max_length=1_000)
    """Weight of each tuned model, in the order of `of`; empty for equal ones."""

    @field_validator("weights")
    @classmethod
    def _are_not_negative(cls, given: tuple[float, ...]) -> tuple[float, ...]:
        if given and (min(given) < 0 or max(given) == 0):
            raise ValueError(f"expected weights of at least 0, one of them above it, got {list(given)}")
        return given

    def shares(self, count: int, *, cure: str, each: float | None = None) -> tuple[float, ...]:
        """Return one weight per model; equal ones where none are given.

        Args:
            count: Number of models.
            cure: Name of the cure, for messages.
            each: Equal weight; None for 1 / count.

        Raises:
            SpecError: Another number of weights than of models.
        """
        if self.weights and len(self.weights) != count:
            raise SpecError(
                f"cure {cure}: expected one weight per model, got {len(self.weights)} weights for {count} models"
            )
        return self.weights or (1 / count if each is None else each,) * count
