"""The cells of one model on the columns of a suite: a score each, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.records.score import Score

TO_DO = frozenset({"pending", "failed"})
"""States of columns that a run measures: what failed is tried again."""


class Gap(NamedTuple):
    """Why there is no score."""

    state: Literal["pending", "failed", "not_measured", "not_applicable"]
    """pending: not yet; failed: tried; not_measured: no data; not_applicable: the model can't do this."""

    reason: str
    """For people."""


@dataclass(frozen=True, slots=True)
class Cells:
    """All columns of one model."""

    scores: Mapping[str, Score]
    """Column → score."""

    gaps: Mapping[str, Gap]
    """Column → why there is none."""
