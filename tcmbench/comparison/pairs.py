"""Two models, item by item: changed tasks, queries whose first document became right or wrong, and syndromes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tcmbench.comparison.baseline import rounded
from tcmbench.comparison.trainings import NO_TRAININGS, figures_of
from tcmbench.errors import NoInterval, NotComparable
from tcmbench.stats import gate, gate_evidence, mcnemar, statistics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from tcmbench.comparison.trainings import Trainings
    from tcmbench.records.items import Items
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.policy import Policy
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.stats.gate import GateResult, TaskVerdict
    from tcmbench.stats.mcnemar import McNemar
    from tcmbench.stats.resampling import Resampling

_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Side:
    """One of two models."""

    label: str
    """Its name in the command."""

    items: Mapping[str, Items]
    """Column → items, one row per seed."""

    metrics: Mapping[str, str]
    """Column → main metric."""

    reasons: Mapping[str, str]
    """Column → reason where there is no score."""

    missing: frozenset[str]
    """Columns that should have been measured and weren't."""

    hits: Mapping[str, npt.NDArray[np.float64]]
    """Column → share of seeds with a right document in first place, item by item; ranking tasks in the store only."""

    precision: str = ""
    """Precision in which its weights were evaluated; empty where that isn't known, or there are none."""

    device: str = ""
    """Device that it was evaluated on; empty where that isn't known, or it has no weights."""

    versions: Mapping[str, str] = field(default_factory=dict)
    """Package → version that it was measured with; empty where that isn't known."""

    variant: str = ""
    """Variant that all its seeds are of; empty for a base, and for a single seed of several, which is a checkpoint and
    not a recipe."""

    is_rounded: bool = False
    """Whether these are a baseline's values: the other side's are then rounded alike, or all would appear changed."""


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """Both sides and what they were measured on."""

    before: Side
    after: Side
    model_set: ModelSet
    planned: PlannedSuite
    policy: Policy
    """The set's rules against the reference: alpha, equivalence and resamples."""

    trainings: Trainings = NO_TRAININGS
    """The trainings of the set, for the noise of training."""

    @property
    def columns(self) -> tuple[SuiteTask, ...]:
        """Columns of the suite."""
        return self.planned.suite.tasks


class MovedItem(NamedTuple):
    """An item with different values on both sides."""

    item: str
    group: str
    """Gold label; empty where there is none."""

    before: float
    after: float
    """Values in points, mean over seeds."""

    first_before: str
    first_after: str
    """Documents ranked first (by the first seed); empty where the task has none."""

    @property
    def delta(self) -> float:
        """After minus before."""
        return self.after - self.before


class Label(NamedTuple):
    """All items of one gold label."""

    name: str
    items: int
    delta: float
    """Mean change in points."""

    improved: int
    worse: int


@dataclass(frozen=True, slots=True)
class ComparedColumn:
    """One task, item by item."""

    verdict: TaskVerdict
    moved: tuple[MovedItem, ...]
    """Items whose value differs, largest loss first; empty for correlations, which single items don't have."""

    labels: tuple[Label, ...]
    """Labels, largest total loss first (mean change × items); empty where the task has none."""

    hits: McNemar | None
    """Items whose first document became right (gained) or wrong (lost), by the majority of seeds; ranking tasks."""

    won: tuple[str, ...]
    """Ids of those gained."""

    lost: tuple[str, ...]
    """Ids of those lost."""

    has_items: bool
    """Whether single items have a score of their own."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on a suite."""

    columns: Mapping[str, ComparedColumn]
    result: GateResult
    """Verdicts and means over roles; its outcome is not used."""

    skipped: Mapping[str, str]
    """Column → why it could not be compared."""


def compare(pair: ComparedPair, *, only: Sequence[str] | None = None) -> Comparison:
    """Return how `after` differs from `before`, p values corrected over the tasks of the suite (Holm).

    Verdicts are those of the board where `before` is the set's reference.

    Args:
        pair: Both sides.
        only: Columns to return; None for all of the suite. They are judged as some of all.

    Raises:
        NotComparable: The sides were measured on different items.
    """
    evidence = []
    skipped: dict[str, str] = {}
    pair = _alike(pair)
    for column in pair.columns:
        name = column.column
        reasons = [
            f"{side.label}: {side.reasons.get(name, 'no score is stored')}"
            for side in (pair.before, pair.after)
            if name not in side.items
        ]
        if reasons:
            skipped[name] = "; ".join(reasons)
            continue
        now, then = pair.after.items[name], pair.before.items[name]
        if now.ids != then.ids or pair.before.metrics[name] != pair.after.metrics[name]:
            raise NotComparable(f"{name}: {pair.before.label} and {pair.after.label} were measured on different items")
        items = gate_evidence.TaskItems(
            task=name,
            role=column.role,
            metric=pair.after.metrics[name],
            models={pair.after.label: now.values, gate_evidence.REFERENCE: then.values},
            clusters=now.clusters,
            statistic=now.statistic,
            gold=now.gold,
        )
        resampled = gate_evidence.resample(items, reference=gate_evidence.REFERENCE, plan=_plan(pair, name))
        try:
            evidence.append(resampled.evidence(pair.after.label))
        except NoInterval as error:
            skipped[name] = str(error)
    result = gate.judge(evidence, policy=pair.policy)
    wanted = {column.column for column in pair.columns} if only is None else set(only)
    columns = {verdict.task: _column(pair, verdict) for verdict in result.tasks if verdict.task in wanted}
    return Comparison(columns, result, {name: reason for name, reason in skipped.items() if name in wanted})


def _plan(pair: ComparedPair, column: str) -> Resampling:
    variants: dict[str, str] = {}
    earlier: dict[str, str] = {}
    seeds = {}
    for name, side in {pair.after.label: pair.after, gate_evidence.REFERENCE: pair.before}.items():
        if side.variant:
            (earlier if side.is_rounded else variants)[name] = side.variant
        if side.variant and side.is_rounded and len(side.items[column].values) > 1:
            seeds[name] = figures_of(side.items[column], side.items[column].values)
    noise = pair.trainings.on(column, variants=variants, earlier=earlier, more=seeds)
    if _are_of_the_same_trainings(pair, column):
        # Seed by seed, by their own spread: what both have of a training's luck is no part of their difference.
        origin = pair.trainings.origin(pair.before.variant)
        noise = replace(noise, alone=frozenset(variants), streams=dict.fromkeys(variants, origin))
    return replace(gate_evidence.plan_of(pair.policy), noise=noise)


def _are_of_the_same_trainings(pair: ComparedPair, column: str) -> bool:
    sides = (pair.before, pair.after)
    if any(side.is_rounded or not side.variant for side in sides):
        return False
    origins = {pair.trainings.origin(side.variant) for side in sides}
    return len(origins) == 1 and len({len(side.items[column].values) for side in sides}) == 1


def _alike(pair: ComparedPair) -> ComparedPair:
    """Return the pair with both sides rounded where one of them is a baseline's row."""
    if not (pair.before.is_rounded or pair.after.is_rounded):
        return pair

    def side(one: Side) -> Side:
        items = {
            name: replace(items, values=rounded(items.values, items.statistic)) for name, items in one.items.items()
        }
        return replace(one, items=items)

    return replace(pair, before=side(pair.before), after=side(pair.after))


def _column(pair: ComparedPair, verdict: TaskVerdict) -> ComparedColumn:
    name = verdict.task
    now, then = pair.after.items[name], pair.before.items[name]
    won, lost, hits = _hits(pair.before, pair.after, name, now.ids)
    if not statistics.load(now.statistic).HAS_ITEM_SCORES:
        return ComparedColumn(verdict, (), (), hits, won, lost, has_items=False)
    after, before = now.values.mean(axis=0), then.values.mean(axis=0)
    return ComparedColumn(
        verdict, _moved(now, then, after, before), _labels(now, after - before), hits, won, lost, has_items=True
    )


def _moved(now: Items, then: Items, after: np.ndarray, before: np.ndarray) -> tuple[MovedItem, ...]:
    places = np.flatnonzero(after != before)
    ordered = places[np.argsort((after - before)[places], kind="stable")]
    return tuple(
        MovedItem(
            item=now.ids[place],
            group=now.groups[place],
            before=float(before[place]),
            after=float(after[place]),
            first_before=then.top1[0][place] if then.top1 else "",
            first_after=now.top1[0][place] if now.top1 else "",
        )
        for place in ordered
    )


def _labels(items: Items, delta: np.ndarray) -> tuple[Label, ...]:
    groups = np.array(items.groups, dtype=object)
    labels = []
    for name in sorted(set(items.groups) - {""}):
        own = delta[groups == name]
        labels.append(
            Label(name, len(own), float(own.mean()), int(np.count_nonzero(own > 0)), int(np.count_nonzero(own < 0)))
        )
    return tuple(sorted(labels, key=lambda label: (label.delta * label.items, label.name)))


def _hits(
    before: Side, after: Side, column: str, ids: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...], McNemar | None]:
    if column not in before.hits or column not in after.hits:
        return (), (), None
    then, now = before.hits[column] > _HALF, after.hits[column] > _HALF
    won = tuple(ids[int(place)] for place in np.flatnonzero(now & ~then))
    lost = tuple(ids[int(place)] for place in np.flatnonzero(then & ~now))
    return won, lost, mcnemar.mcnemar(now.astype(np.float64), then.astype(np.float64))
