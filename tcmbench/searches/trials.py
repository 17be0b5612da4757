"""Performing trials: each recipe is trained and measured by the jobs of a run, and judged on the selection half."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tcmbench.errors import NotComparable, ScoreMissing, SpecError, TcmbenchError
from tcmbench.runs import gather, run_set
from tcmbench.runs.jobs import PlannedRun, plan
from tcmbench.runs.part import Part
from tcmbench.searches import figures
from tcmbench.specs.cure import CureTable
from tcmbench.specs.model_set import ModelSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tcmbench.records.entry import Entry
    from tcmbench.records.events import Emit
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.records.search import HalfFigures
    from tcmbench.runs.job import Job
    from tcmbench.runs.run_set import Execute
    from tcmbench.searches.study import Asked, Study
    from tcmbench.specs.policy import Policy
    from tcmbench.specs.space import Proposal, SearchSpace
    from tcmbench.stats.halves import Half
    from tcmbench.workspace import Workspace

_RELEVANT = 3.0
"""Margins that a probe of some general columns must lose before a trial is stopped: the others may have gained."""


def set_of(space: SearchSpace, proposals: Iterable[Proposal] = ()) -> ModelSet:
    """Return a set of the reference of a space and some of its recipes."""
    proposals = list(proposals)
    cures = [cure for proposal in proposals for cure in proposal.cures]
    return ModelSet(
        name=f"search-{space.name}",
        title=space.title or space.name,
        title_zh=space.title_zh,
        description=space.description,
        description_zh=space.description_zh,
        suite=space.suite,
        reference=space.reference,
        models=(space.reference,),
        variant=tuple(proposal.variant.model_dump(mode="json", exclude_defaults=True) for proposal in proposals),
        cure=tuple(CureTable.model_validate(cure.model_dump(mode="json", exclude_defaults=True)) for cure in cures),
        policy=space.policy,
    )


@dataclass(frozen=True, slots=True)
class Bench:
    """What all trials of a search are measured with."""

    workspace: Workspace
    space: SearchSpace
    planned: PlannedSuite
    policy: Policy
    execute: Execute
    emit: Emit

    def place(self, model_set: ModelSet) -> Workspace:
        """Return the workspace with a set, which jobs find there by its name."""
        return replace(self.workspace, given=(*self.workspace.given, model_set))

    def measure(self, proposals: Sequence[Proposal], *, columns: frozenset[str] | None = None) -> dict[str, str]:
        """Train and measure recipes as far as they aren't; return variant → why nothing could be planned for it.

        Args:
            proposals: The recipes.
            columns: Columns to measure; None for all.
        """
        refused: dict[str, str] = {}
        jobs: dict[str, Job] = {}
        for proposal in proposals:
            # one set per recipe, as a job contains its set, and should be small
            model_set = set_of(self.space, [proposal])
            part = Part(frozenset({proposal.row}), columns)
            missing = plan(self.place(model_set), model_set, self.planned, part=part)
            refused |= missing.refused
            jobs |= {job.key: job for job in missing.jobs}
        run_set.run(self.workspace.store, PlannedRun(tuple(jobs.values()), {}), execute=self.execute, emit=self.emit)
        return refused

    def measure_reference(self) -> None:
        """Measure the reference.

        Raises:
            ScoreMissing: It has no score on some column.
        """
        model_set = set_of(self.space)
        missing = plan(self.place(model_set), model_set, self.planned)
        run_set.run(self.workspace.store, missing, execute=self.execute, emit=self.emit)
        lost = gather.missing(self.entries(model_set))
        if lost:
            raise ScoreMissing(
                f"space {self.space.name}: the reference needs a score on every column, but: {'; '.join(lost)}"
            )

    def entries(self, model_set: ModelSet) -> list[Entry]:
        """Return what the store has of a set."""
        return gather.entries(self.place(model_set), model_set, self.planned)

    def figures(self, proposal: Proposal, half: Half, *, columns: frozenset[str] | None = None) -> HalfFigures:
        """Return the figures of a measured recipe on one half of the items.

        Raises:
            ScoreMissing: It has no score on one of the columns.
        """
        model_set, suite = set_of(self.space, [proposal]), self.planned.suite
        if columns is not None:
            suite = suite.model_copy(update={"tasks": tuple(c for c in suite.tasks if c.column in columns)})
        # What a cure is made of has no part in its figures, whether or not it was measured.
        entries = [entry for entry in self.entries(model_set) if entry.name in {model_set.reference, proposal.row}]
        lost = gather.missing(entries, part=Part(frozenset({proposal.row}), columns))
        if lost:
            raise ScoreMissing("; ".join(dict.fromkeys(line.partition(" · ")[2] for line in lost)))
        return figures.on(half, proposal.row, model_set, suite, entries, policy=self.policy)


@dataclass(frozen=True, slots=True)
class ProbeRule:
    """Columns that are measured first, and the loss on them that stops a trial."""

    columns: frozenset[str]
    """Empty: nothing is measured first, and no trial is stopped."""

    beyond: float
    """Points."""

    @classmethod
    def of(cls, bench: Bench) -> ProbeRule:
        """Return the rule of a space.

        Raises:
            SpecError: The probe has a column that isn't a general one of the suite.
        """
        probe, columns = bench.space.probe, bench.planned.suite.tasks
        general = [column.column for column in columns if column.role == "general"]
        unknown = sorted({*probe.columns} - {*general})
        if unknown:
            raise SpecError(
                f"space {bench.space.name}: probe: expected general columns of suite {bench.planned.suite.name} "
                f"({', '.join(general)}), got {', '.join(unknown)}"
            )
        chosen = frozenset(probe.columns or general)
        if len(general) == len(columns):
            chosen = frozenset()
        decides = len(chosen) == len(general) and bench.policy.keep == "general"
        factor = 1.0 if decides else _RELEVANT
        return cls(chosen, factor * bench.policy.margin if probe.beyond is None else probe.beyond)

    def stops(self, figures: HalfFigures) -> bool:
        """Return whether a trial with these figures of the probe is stopped."""
        return figures.general is not None and figures.general.high < -self.beyond


def perform(bench: Bench, rule: ProbeRule, study: Study, asked: Sequence[Asked]) -> None:
    """Train, measure and judge trials side by side, and store how each ended."""
    left: dict[int, Proposal] = {}
    for trial in asked:
        try:
            left[trial.number] = bench.space.proposal(trial.parameters, name=name_of(bench.space, trial.number))
        except SpecError as error:
            study.fail(trial.number, str(error))
    if rule.columns:
        for number, result in _measured(bench, left, columns=rule.columns).items():
            if isinstance(result, str):
                study.fail(number, result)
                del left[number]
            elif rule.stops(result):
                study.stop(number, result, reason=_stopped(result, rule))
                del left[number]
    for number, result in _measured(bench, left).items():
        if isinstance(result, str):
            study.fail(number, result)
        elif result.gain is None:
            study.fail(number, "; ".join(result.reasons) or "the in_domain tasks have no interval")
        else:
            study.tell(number, result, gain=result.gain.value)


def name_of(space: SearchSpace, number: int) -> str:
    """Return the name of the variant of a trial."""
    return f"{space.name}-t{number:03d}"


def _measured(
    bench: Bench, proposals: dict[int, Proposal], *, columns: frozenset[str] | None = None
) -> dict[int, HalfFigures | str]:
    """Return the figures of each trial on the selection half, or why it has none."""
    refused = bench.measure(list(proposals.values()), columns=columns)
    results: dict[int, HalfFigures | str] = {}
    for number, proposal in proposals.items():
        if proposal.row in refused:
            results[number] = refused[proposal.row]
            continue
        try:
            results[number] = bench.figures(proposal, "selection", columns=columns)
        except NotComparable:
            raise  # the same for every trial
        except TcmbenchError as error:
            results[number] = str(error)
    return results


def _stopped(figures: HalfFigures, rule: ProbeRule) -> str:
    change = figures.general
    if change is None:
        return ""
    return (
        f"the probe's mean change {change.value:+.2f} [{change.low:+.2f}, {change.high:+.2f}] lies below "
        f"-{rule.beyond:g}"
    )
