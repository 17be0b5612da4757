"""One cell of the table, and the figures in it; part of the schema of `scores.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.dataclasses import dataclass

from tcmbench.boards.texts import Text, same
from tcmbench.stats.gate import Verdict
from tcmbench.text.numbers import digits_of

CellStatus = Literal["measured", "pending", "running", "failed", "not_measured", "not_applicable"]
Rounded: TypeAlias = Annotated[float, PlainSerializer(lambda value: round(value, 6), return_type=float)]
English: TypeAlias = Annotated[
    Text,
    BeforeValidator(lambda text: same(text) if isinstance(text, str) else text),
    PlainSerializer(lambda both: both.en, return_type=str),
]
"""A text in both languages, of which `scores.json` has the English; read from there, both are English."""


STRICT = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
"""Settings of all parts of a table."""


@dataclass(frozen=True, slots=True, config=STRICT)
class ShownEstimate:
    """A figure with its interval at 1 − alpha of the policy, in points (0–100)."""

    value: Rounded
    """The figure itself."""

    low: Rounded | None = None
    """Lower end; None where there is no interval."""

    high: Rounded | None = None
    """Upper end."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Difference(ShownEstimate):
    """A difference from the reference, in points."""

    verdict: Verdict | None = None
    """Verdict on it (`stats.gate.verdict_of`); improved and regressed are significant. None without an interval."""

    @property
    def digits(self) -> int:
        """Decimals at which it doesn't seem to touch zero unless it does."""
        return digits_of(self.value, self.low, self.high)


@dataclass(frozen=True, slots=True, config=STRICT)
class ItemChange:
    """One item and its change."""

    item: str
    """Id of the query, pair or text."""

    value: float
    """Its value for this model, mean over seeds, in points."""

    delta: float
    """The same minus the reference's; the value itself on the reference's own row."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Confusion:
    """Two documents that a model confuses."""

    gold: str
    """Gold document."""

    found: str
    """Document ranked first."""

    times: int
    """Number of items, mean over seeds, rounded."""

    reference_times: int
    """Number of items under the reference."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Cell:
    """One model on one task."""

    status: CellStatus
    """Whether there is a score, or the state without one."""

    reason: English = Text("", "")
    """Why there is no score, or no interval."""

    score: ShownEstimate | None = None
    """Main metric, mean over seeds."""

    delta: Difference | None = None
    """The same minus the reference's, item by item; None on the reference's own row."""

    p_value: Rounded | None = None
    """Two-sided paired test of the difference, corrected over the row's tasks (Holm); of a role's only task from the
    draws, uncorrected."""

    best: bool = False
    """Whether it is the highest of its column."""

    tied: bool = False
    """Whether it is not significantly different from the highest of its column."""

    items: int = 0
    """Items measured."""

    seed_values: tuple[Rounded, ...] = ()
    """Main metric of each seed, in points."""

    metrics: Mapping[str, Rounded] = Field(default_factory=dict)
    """All metrics, mean over seeds, as the task reports them (0–1)."""

    histogram: tuple[int, ...] = Field(default=(), exclude=True)
    """Histogram of item values, ten bins of equal width from 0 to 100; empty where values have another range."""

    improved_share: Rounded | None = None
    """Share of items better than under the reference (0–1)."""

    worse_share: Rounded | None = None
    """Share of items worse than under the reference (0–1)."""

    lowest: tuple[ItemChange, ...] = Field(default=(), exclude=True)
    """Items with the largest losses against the reference."""

    highest: tuple[ItemChange, ...] = Field(default=(), exclude=True)
    """Items with the largest gains."""

    slices: Mapping[str, Mapping[str, ShownEstimate]] = Field(default_factory=dict, exclude=True)
    """Slicing → slice → mean difference from the reference; of the first in-domain task that has slices."""

    confusions: tuple[Confusion, ...] = Field(default=(), exclude=True)
    """Most frequent pairs of gold and wrong first document."""

    revision: str = ""
    """Revision of the task: data, candidates and prompt."""

    @property
    def verdict(self) -> Verdict | None:
        """Verdict on the difference; None where there is none."""
        return self.delta.verdict if self.delta else None
