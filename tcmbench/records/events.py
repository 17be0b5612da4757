"""What happens during a run, as small records that can be sent between processes.

Whoever does the work emits them; a progress bar and the status of the run consume them. No result travels in them:
results are in the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job begins, for the first time or again."""

    key: str
    """Key of the job."""

    model: str
    """Name of a base, or of a variant and its seed (`name/seed0`)."""

    columns: tuple[str, ...]
    """Columns that are measured; empty for a training."""


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """A training made a step."""

    model: str
    """Variant and seed."""

    step: int
    """Optimiser step."""

    total: int
    """Steps in all."""

    loss: float
    """Training loss."""

    remaining: float
    """Seconds still to go."""


@dataclass(frozen=True, slots=True)
class MeasuringStarted:
    """The measurement of one column begins."""

    model: str
    """Model that is measured."""

    column: str
    """Column of the suite."""


@dataclass(frozen=True, slots=True)
class ScoreMeasured:
    """The measurement of one column ended."""

    model: str
    """Model that was measured."""

    column: str
    """Column of the suite."""

    value: float | None
    """Main metric (0–1); None where there is no score, for the reason that the store has."""


@dataclass(frozen=True, slots=True)
class JobFinished:
    """A job ended; what it made is in the store."""

    key: str
    """Key of the job."""

    model: str
    """Its model."""


@dataclass(frozen=True, slots=True)
class JobFailed:
    """A job could not be done, or waits for one that failed."""

    key: str
    """Key of the job."""

    model: str
    """Its model."""

    reason: str
    """For people."""


@dataclass(frozen=True, slots=True)
class Note:
    """A line for people."""

    text: str
    """The line."""


Event = JobStarted | TrainingStep | MeasuringStarted | ScoreMeasured | JobFinished | JobFailed | Note
Emit = Callable[[Event], None]
"""Takes the events of a run."""
