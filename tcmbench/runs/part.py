"""The part of a set that a run measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tcmbench.specs.suite import SuiteTask


@dataclass(frozen=True, slots=True)
class Part:
    """Models and columns of a set."""

    models: frozenset[str] | None = None
    """Names of bases and variants; None for all."""

    columns: frozenset[str] | None = None
    """Names of columns; None for all."""

    def has_model(self, name: str) -> bool:
        """Return whether a base or variant is in it."""
        return self.models is None or name in self.models

    def of(self, columns: Iterable[SuiteTask]) -> tuple[SuiteTask, ...]:
        """Return the columns that are in it."""
        return tuple(column for column in columns if self.columns is None or column.column in self.columns)


WHOLE = Part()
"""All models and columns."""
