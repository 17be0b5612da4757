"""The trajectory of a training: scores of its checkpoints on a part of each task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.records.score import Score


@dataclass(frozen=True, slots=True)
class TrajectoryStep:
    """The models of a variant after the same step."""

    step: int
    """Optimiser steps."""

    scores: Mapping[str, tuple[Score, ...]]
    """Column → one score per seed."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Scores over the steps of a training, with those of the reference on the same items."""

    limit: int
    """Most items per task."""

    reference: Mapping[str, Score]
    """Column → score of the reference."""

    steps: tuple[TrajectoryStep, ...]
    """By step; the last is the tuned model."""
