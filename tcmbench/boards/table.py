"""The table: all computed content of a board, in points, unrounded; rendering only rounds and arranges.

It is also the schema of `scores.json` (`document`): figures rounded to six decimals, without the content of the
page's panels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, JsonValue, PlainSerializer
from pydantic.dataclasses import dataclass

from tcmbench.boards.cells import STRICT, Cell, Difference, English, Rounded, ShownEstimate
from tcmbench.boards.cured import CureEffect
from tcmbench.boards.recommendation import Recommendation, Since
from tcmbench.boards.texts import Text, both
from tcmbench.comparison.verdict import Outcome
from tcmbench.records.entry import Cost, Kind, TaskCard, TrainingPoint
from tcmbench.records.search import SearchOutcome
from tcmbench.specs.policy import Policy, default
from tcmbench.specs.suite import ROLES, Role

FORMAT: Literal["tcmbench-board/3"] = "tcmbench-board/3"

Roles: TypeAlias = Annotated[
    frozenset[Role], PlainSerializer(lambda roles: [role for role in ROLES if role in roles], return_type=list[Role])
]


@dataclass(frozen=True, slots=True, config=STRICT)
class TaskColumn:
    """One task and split."""

    name: str
    """Name of the column: `Task` or `Task/split`."""

    title: str
    """Title."""

    task: str
    """Name of the task."""

    split: str
    """Split."""

    role: Role
    """Role of the task."""

    metric: str = ""
    """Main metric as mteb names it; empty when nothing was measured."""

    task_type: str = ""
    """mteb's type; empty when nothing was measured."""

    revision: str = ""
    """Common revision of the scores."""

    items: int = 0
    """Items measured."""

    limit: int | None = Field(default=None, exclude=True)
    """Limit of the column in its suite, which its title names; None: the whole task."""

    clusters: int = 0
    """Number of groups of items that are resampled together (patients); equals items where there are none."""

    synthetic: bool = False
    """Whether the data was generated."""

    card: TaskCard | None = Field(default=None, exclude=True)
    """Card of the task."""

    title_zh: str = Field(default="", exclude=True)
    """Title in Chinese; empty where there is none."""

    description: English = Text("", "")
    """What the task measures."""

    source: str = ""
    """Source of the data."""

    license: str = "unknown"
    """Licence of the data."""

    slice_sizes: Mapping[str, Mapping[str, int]] = Field(default_factory=dict)
    """Slicing → slice → items."""

    @property
    def titles(self) -> Text:
        """Title in both languages."""
        return both(self.title, self.title_zh)


@dataclass(frozen=True, slots=True, config=STRICT)
class RoleMean:
    """Mean score of a model over the tasks of a role."""

    tasks: int
    """Number of tasks of the role."""

    value: Rounded | None = None
    """The mean, in points; None where a task has no score, never a mean over the others."""

    missing: tuple[str, ...] = ()
    """Columns without a score."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Aggregates:
    """Summary of a row, against the reference; None where a task of the role is missing."""

    in_domain: Difference | None = None
    """Gain: mean difference over the in_domain tasks, in points."""

    held_out: Difference | None = None
    """Gain over the held_out tasks."""

    general: Difference | None = None
    """Backward transfer: mean difference over the general tasks; negative means forgetting. Of variants only: what was
    not trained has forgotten nothing. So are the figures of the general tasks below."""

    gain_role: Role | None = None
    """Role that counts as gain in this suite: in_domain, or held_out where there are no in_domain tasks."""

    worst_task: str = ""
    """General task with the largest loss."""

    worst_delta: Difference | None = None
    """Its difference: that of its cell."""

    retention: ShownEstimate | None = None
    """Mean over the general tasks of the score over that of the reference, in percent."""

    worse_share: Rounded | None = None
    """Mean share of the general tasks' items with a loss (0–1)."""

    ranks: tuple[int, int] | None = None
    """Best and worst rank by gain among the rows with all scores that count; overlapping ranks have no order."""

    borda: Rounded | None = None
    """Borda points over all tasks, as a share of the maximum (0–1)."""

    partial: Roles = frozenset()
    """Roles with tasks that the model doesn't support: their means are over the others."""

    means: Mapping[Role, RoleMean] = Field(default_factory=dict)
    """Role → mean score over its tasks; only roles of the suite."""

    on_front: bool = False
    """Whether it is on the Pareto front of gain against backward transfer."""

    @property
    def gain(self) -> Difference | None:
        """Gain that counts; None where one of its scores is missing, regardless of other roles."""
        return self.of(self.gain_role) if self.gain_role else None

    @property
    def gain_is_partial(self) -> bool:
        """Whether the gain leaves out tasks that the model doesn't support."""
        return self.gain_role in self.partial

    def of(self, role: Role) -> Difference | None:
        """Return the mean difference over the tasks of a role."""
        return {"in_domain": self.in_domain, "held_out": self.held_out, "general": self.general}[role]


@dataclass(frozen=True, slots=True, config=STRICT)
class GateOutcome:
    """Verdict of the regression gate on a model."""

    outcome: Outcome
    """pass; regression: harm is shown; too_little_gain: none is shown, but the gain is no larger than required;
    inconclusive: not ruled out; missing: not all measured; not_comparable: a task, or the model, has no counterpart."""

    reasons: tuple[English, ...]
    """One sentence for each rule that is not met."""

    passed: bool
    """Whether it passes under the policy."""

    changed: bool = True
    """Whether any value differs from the counterpart."""


@dataclass(frozen=True, slots=True, config=STRICT)
class FormFacts:
    """A form compared with the model that it is a form of, paired over items and over all tasks."""

    of: str
    """That model."""

    gate: GateOutcome
    """Is it as good? The rules for forms."""

    change: Difference | None = None
    """Mean change over all tasks in points; None where a task has no score."""

    recall: float | None = None
    """Share of the ten exactly nearest documents that its search returns, mean over the tasks whose documents it
    searches, 0–1; None where mteb's exact search is used."""


@dataclass(frozen=True, slots=True, config=STRICT)
class StepPoint:
    """Change of a variant from the reference after a step of its training, on a part of each task's items."""

    step: int
    """Optimiser steps."""

    in_domain: ShownEstimate | None = None
    """Mean change over the in_domain tasks, in points; None where there is none."""

    held_out: ShownEstimate | None = None
    """Mean change over the held_out tasks."""

    general: ShownEstimate | None = None
    """Backward transfer."""

    passed: bool = False
    """Whether this model would pass the gate on these items."""

    def of(self, role: Role) -> ShownEstimate | None:
        """Return the mean change over the tasks of a role."""
        return {"in_domain": self.in_domain, "held_out": self.held_out, "general": self.general}[role]


@dataclass(frozen=True, slots=True, config=STRICT)
class BoardRow:
    """One model."""

    name: str
    title: str
    kind: Kind
    base: str | None
    description: English
    is_reference: bool
    """Whether it is the reference."""

    cells: Mapping[str, Cell]
    """Column → cell, for every column of the table."""

    aggregates: Aggregates
    gate: GateOutcome | None
    """May it ship? The gate against the reference; None for rows that are not variants."""

    since_baseline: GateOutcome | None
    """Did it get worse? The gate against its own row in the baseline; None without a baseline, and for a variant
    without a row there."""

    seeds: int
    """Number of trained seeds; 0 for models that were not trained here."""

    recipe: Mapping[str, JsonValue]
    cost: Cost | None
    failure: str | None
    provenance: Mapping[str, English]
    precision: str = Field(default="", exclude=True)
    """Precision in which its weights were evaluated; empty for a model without weights."""

    device: str = Field(default="", exclude=True)
    """Device that it was evaluated on; empty for a model without weights."""

    versions: Mapping[str, str] = Field(default_factory=dict, exclude=True)
    """Package → version that it was measured with."""

    training: Mapping[int, tuple[TrainingPoint, ...]] = Field(default_factory=dict, exclude=True)
    cure: CureEffect | None = None
    """Of a cure, what it does to the variants that it is made from; None for other rows."""

    form: FormFacts | None = None
    """Of a form, how it compares with the model that it is a form of; None for other rows."""

    trajectory: tuple[StepPoint, ...] = Field(default=(), exclude=True)
    """Measured checkpoints, by step; the last is the variant itself."""

    probe_items: int = Field(default=0, exclude=True)
    """Most items per task of its trajectory."""

    is_pooled: bool = False
    """Whether it has one seed, and its intervals cover the noise of training as the set's other variants show it."""

    @property
    def complete(self) -> bool:
        """Whether every task that applies has a score."""
        return not self.failure and all(cell.status in {"measured", "not_applicable"} for cell in self.cells.values())

    @property
    def mean(self) -> float | None:
        """Mean score over all tasks, in points; None where one has no score."""
        scores = [cell.score.value for cell in self.cells.values() if cell.score is not None]
        return sum(scores) / len(scores) if len(scores) == len(self.cells) > 0 else None


@dataclass(frozen=True, slots=True, config=STRICT)
class Table:
    """A whole board."""

    name: str
    """Name of the model set."""

    title: English
    description: English
    suite: str
    suite_description: str
    synthetic: bool
    reference: str
    """Name of the reference."""

    columns: tuple[TaskColumn, ...]
    rows: tuple[BoardRow, ...]
    """Reference first, then variants by gain, each followed by its cures and forms; then the other models by their
    mean score, each followed by its forms."""

    recommendation: Recommendation
    policy: Policy
    """Rules against the reference, resamples and their seed."""

    baseline_policy: Policy
    """Rules against the baseline."""

    policy_source: str
    """Source of the rules: default, the set, or the path of a file."""

    baseline: str
    """Path of the baseline; empty without one."""

    gone: tuple[str, ...]
    """Models of the baseline that are no longer in the set."""

    command: str
    """Command that rebuilds the board."""

    digest: str
    """sha256 over the scores: the permanent identifier of this result."""

    author: str = ""
    """Author of the board; empty where the set names none."""

    public: bool = False
    """Whether everything about single items was left out, for publication."""

    limit: int | None = None
    """Of a quick look, the most queries, pairs or texts per task, a fixed sample; None: all were measured."""

    search: SearchOutcome | None = Field(default=None, exclude=True)
    """The search whose trials these are; `search.json` beside the board has it."""

    form_policy: Policy = Field(default_factory=lambda: default().form)
    """Rules for forms."""

    format: Literal["tcmbench-board/3"] = FORMAT

    @property
    def label(self) -> str:
        """Permanent label: the set's name and a short hash of the scores, by which two boards can be told apart."""
        return f"{self.name}-{self.digest[:8]}"

    @property
    def since_baseline(self) -> Since | None:
        """Regressions since the baseline; None where the set has none."""
        if not self.baseline:
            return None
        held = {row.name: row.since_baseline for row in self.rows if row.since_baseline is not None}
        failing = [name for name, outcome in held.items() if not outcome.passed]
        unchanged = sum(not outcome.changed for outcome in held.values())
        return Since((*failing, *self.gone), len(held) + len(self.gone), unchanged)

    def row(self, name: str) -> BoardRow:
        """Return the row of that name."""
        return next(row for row in self.rows if row.name == name)

    def column(self, name: str) -> TaskColumn:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)
