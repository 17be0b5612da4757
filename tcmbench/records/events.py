"""Progress of a run, as small records that can be sent between processes.

Jobs emit them; a progress bar and the status of the run consume them. They contain no results:
results are in the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job starts, for the first time or again."""

    key: str
    """Key of the job."""

    model: str
    """Name of a base, or of a variant and its seed (`name/seed0`)."""

    columns: tuple[str, ...]
    """Columns that are measured; empty for a training."""


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """A training completed a step."""

    model: str
    """Variant and seed."""

    step: int
    """Optimiser step."""

    total: int
    """Total number of steps."""

    loss: float
    """Training loss."""

    remaining: float
    """Remaining seconds."""

    accuracy: float | None = None
    """Share of queries whose positive is the closest document of the batch; None where it isn't measured."""


@dataclass(frozen=True, slots=True)
class MakingStarted:
    """The making of a model of a cure starts."""

    model: str
    """Cure and seed."""


@dataclass(frozen=True, slots=True)
class MeasuringStarted:
    """The measurement of one column starts."""

    model: str
    """Model that is measured."""

    column: str
    """Column of the suite."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A model has encoded texts, or scored pairs, of a column; at most one per half a second."""

    model: str
    """Model that is measured."""

    column: str
    """Column of the suite."""

    done: int
    """Texts or pairs of the current list, the queries or the corpus, that are computed."""

    total: int
    """Size of the list, without repeated and stored texts."""

    tokens_done: int
    """Tokens of those that are computed."""

    tokens: int
    """Tokens of the list."""

    seconds: float
    """Time since the start of the list."""

    unit: str = "texts"
    """What is counted: texts or pairs."""


@dataclass(frozen=True, slots=True)
class ScoreMeasured:
    """The measurement of one column ended."""

    model: str
    """Model that was measured."""

    column: str
    """Column of the suite."""

    value: float | None
    """Main metric (0–1); None where there is no score, for a reason in the store."""


@dataclass(frozen=True, slots=True)
class JobFinished:
    """A job ended; its result is in the store."""

    key: str
    """Key of the job."""

    model: str
    """Its model."""


@dataclass(frozen=True, slots=True)
class JobFailed:
    """A job failed, or depends on one that failed."""

    key: str
    """Key of the job."""

    model: str
    """Its model."""

    reason: str
    """Message for display."""


@dataclass(frozen=True, slots=True)
class Note:
    """A message for display."""

    text: str
    """The line."""


Event = (
    JobStarted
    | TrainingStep
    | MakingStarted
    | MeasuringStarted
    | Encoding
    | ScoreMeasured
    | JobFinished
    | JobFailed
    | Note
)
Emit = Callable[[Event], None]
"""Receives the events of a run."""
