"""The cells of one model on the columns of a suite: a score each, or the state without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.records.entry import CellState
    from tcmbench.records.score import Score


@dataclass(frozen=True, slots=True)
class Cells:
    """All columns of one model."""

    scores: Mapping[str, Score]
    """Column → score."""

    states: Mapping[str, CellState]
    """Column → state where there is none."""
