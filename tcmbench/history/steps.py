"""The change of a row from one state of a set to the next, item by item where the store has both, and its causes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench.comparison import regression
from tcmbench.comparison.baseline import rounded
from tcmbench.comparison.trainings import NO_TRAININGS, trainings
from tcmbench.errors import NoInterval
from tcmbench.history import commits
from tcmbench.history.earlier import EarlierModel, models_of, suite_of
from tcmbench.records.items import Reader
from tcmbench.specs.suite import ROLES, Role
from tcmbench.stats import gate
from tcmbench.stats.gate import verdict_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tcmbench.comparison.trainings import Trainings
    from tcmbench.history.commits import Commit
    from tcmbench.history.log import LoggedModel, LoggedScore, RunState
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.policy import Policy
    from tcmbench.stats.estimates import Estimate
    from tcmbench.stats.gate import Evidence, GateResult, Verdict
    from tcmbench.workspace import Workspace

BEST = "best"
"""The row with the highest mean over the tasks of the first role of the suite, instead of a model's name."""

CauseKind = Literal["row", "data", "recipe", "training_set", "model", "seeds", "versions", "hardware", "suite"]


class Cause(NamedTuple):
    """What differs between two states and may have changed the scores of a row."""

    kind: CauseKind

    what: str
    """In words, with both revisions."""


@dataclass(frozen=True, slots=True)
class ColumnStep:
    """The change of a row on one column."""

    before: float | None
    """Points; None where there was no score."""

    after: LoggedScore | None

    change: Estimate | None = None
    """Paired change with its interval; None where the items can't be paired."""

    p_value: float | None = None
    """Corrected over the columns of the step (Holm)."""

    verdict: Verdict | None = None

    note: str = ""
    """Why the change is not paired."""


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """A state of a set, with the change of a row since the state before."""

    state: RunState

    row: str
    """Name of the row; empty where the state hasn't got it."""

    means: Mapping[Role, float]
    """Role → mean score of the row, of roles with all their scores."""

    is_green: bool | None
    """Whether the gate passed the state; None where it was not asked."""

    columns: Mapping[str, ColumnStep]

    mean_changes: Mapping[Role, Estimate]
    """Role → paired mean change, of roles with all columns paired."""

    verdicts: Mapping[Role, Verdict]
    """Verdicts on these."""

    is_changed: bool = False
    """Whether a score or a revision of the row differs from the state before."""

    causes: tuple[Cause, ...] = ()

    commits: tuple[Commit, ...] | None = ()
    """Commits since the state before; None where git doesn't know them."""

    @property
    def regressed(self) -> tuple[str, ...]:
        """Columns and roles with a significant loss."""
        return self._having("regressed")

    @property
    def improved(self) -> tuple[str, ...]:
        """Columns and roles with a significant gain."""
        return self._having("improved")

    @property
    def unpaired(self) -> tuple[str, ...]:
        """Columns whose change could not be paired."""
        return tuple(name for name, column in self.columns.items() if column.note)

    def _having(self, verdict: Verdict) -> tuple[str, ...]:
        roles = [role for role, own in self.verdicts.items() if own == verdict]
        return (*roles, *(name for name, column in self.columns.items() if column.verdict == verdict))


@dataclass(frozen=True, slots=True)
class _Place:
    workspace: Workspace
    model_set: ModelSet
    policy: Policy


def steps(
    workspace: Workspace,
    model_set: ModelSet,
    states: Sequence[RunState],
    *,
    row: str = BEST,
    policy: Policy,
    greens: Mapping[str, bool | None],
) -> list[HistoryStep]:
    """Return the states with the change of a row at each; the first has none.

    Args:
        workspace: Where the store and the commits are.
        model_set: The set as it is now.
        states: Its states by time.
        row: Name of a row, or `best`.
        policy: Rules of the comparison with the reference: alpha, equivalence and resamples.
        greens: Hash of a state's scores → whether the gate passed it.
    """
    place = _Place(workspace, model_set, policy)
    made: list[HistoryStep] = []
    before: RunState | None = None
    for state in states:
        made.append(_step(place, before, state, row=row, is_green=greens.get(state.scores_sha256)))
        before = state
    return made


def best_of(state: RunState) -> str:
    """Return the row with the highest mean over the tasks of the first role that the suite has; empty without one."""
    role = next((role for role in ROLES if any(task.role == role for task in state.tasks.values())), None)
    means = {name: _means(state, name).get(role) for name in state.models} if role else {}
    known = {name: mean for name, mean in means.items() if mean is not None}
    return max(known, key=lambda name: (known[name], name), default="")


def _means(state: RunState, name: str) -> dict[Role, float]:
    """Return the mean score of a row over each role of which it has all scores."""
    scores = state.models[name].scores if name in state.models else {}
    means: dict[Role, float] = {}
    for role in ROLES:
        columns = [column for column, task in state.tasks.items() if task.role == role]
        if columns and all(column in scores for column in columns):
            means[role] = sum(scores[column].value for column in columns) / len(columns)
    return means


def _step(place: _Place, before: RunState | None, state: RunState, *, row: str, is_green: bool | None) -> HistoryStep:
    now = best_of(state) if row == BEST else row if row in state.models else ""
    then = "" if before is None else best_of(before) if row == BEST else row if row in before.models else ""
    scores = state.models[now].scores if now else {}
    if before is None or not now or not then:
        columns = {column: ColumnStep(None, score) for column, score in scores.items()}
        return HistoryStep(state, now, _means(state, now), is_green, columns, {}, {})
    causes = _causes(before, state, then, now)
    is_changed = bool(causes) or _points(before.models[then]) != _points(state.models[now])
    compared = _Compared.none()
    if is_changed:
        compared = _compared(place, (before, then), (state, now))
    return HistoryStep(
        state=state,
        row=now,
        means=_means(state, now),
        is_green=is_green,
        columns=compared.columns or {column: ColumnStep(score.value, score) for column, score in scores.items()},
        mean_changes=compared.means,
        verdicts={role: verdict_of(e.interval, policy=place.policy) for role, e in compared.means.items()},
        is_changed=is_changed,
        causes=causes,
        commits=_commits(place.workspace.root, before, state) if is_changed else (),
    )


def _points(model: LoggedModel) -> dict[str, float]:
    return {column: score.value for column, score in model.scores.items()}


def _commits(root: Path, before: RunState, after: RunState) -> tuple[Commit, ...] | None:
    return commits.between(root, before.commit, after.commit)


@dataclass(frozen=True, slots=True)
class _Compared:
    columns: Mapping[str, ColumnStep]
    means: Mapping[Role, Estimate]

    @classmethod
    def none(cls) -> _Compared:
        return cls({}, {})


def _compared(place: _Place, before: tuple[RunState, str], after: tuple[RunState, str]) -> _Compared:
    """Return the change from a row of one state to a row of another."""
    (old, then), (new, now) = before, after
    readers: Mapping[str, Reader] = defaultdict(Reader)
    store = place.workspace.store
    first = models_of(store, old, names=(then,), readers=readers)[then]
    several = [name for name, model in new.models.items() if model.kind == "variant" and len(model.revisions) > 1]
    # The seeds of other variants lend their spread to a row with a single one.
    needs = new.models[now].kind == "variant" and bool(several)
    names = dict.fromkeys([now, *([n for n, m in new.models.items() if m.kind == "variant"] if needs else [])])
    others = models_of(store, new, names=tuple(names), readers=readers)
    entries = (model.measured.entry for model in others.values())
    known = trainings(entries, elsewhere=place.model_set.models) if needs else NO_TRAININGS
    notes = _notes(old, new, first, others[now])
    result = _paired(place, new, first, others[now], notes=notes, known=known)
    columns = {
        column: _column(column, old.models[then].scores.get(column), new.models[now].scores.get(column), notes, result)
        for column in dict.fromkeys([*new.models[now].scores, *old.models[then].scores])
    }
    means = {} if result is None else {
        "in_domain": result.gain_in_domain,
        "held_out": result.gain_held_out,
        "general": result.backward_transfer,
    }  # fmt: skip
    whole = [role for role in ROLES if _is_whole(role, (old, new), columns)]
    return _Compared(columns, {role: change for role in whole if (change := means.get(role)) is not None})


def _is_whole(role: Role, states: tuple[RunState, RunState], columns: Mapping[str, ColumnStep]) -> bool:
    """Return whether all columns of a role, which are the same in both states, were paired."""
    each = [{column for column, task in state.tasks.items() if task.role == role} for state in states]
    return each[0] == each[1] != set() and all(c in columns and columns[c].change is not None for c in each[0])


def _notes(old: RunState, new: RunState, first: EarlierModel, second: EarlierModel) -> dict[str, str]:
    """Return column → why its items can't be paired."""
    notes: dict[str, str] = {}
    for column in dict.fromkeys([*new.tasks, *old.tasks]):
        was, now = old.tasks.get(column), new.tasks.get(column)
        if was is None or now is None:
            notes[column] = "only one of both states has the task"
        elif (was.revision, was.metric) != (now.revision, now.metric):
            notes[column] = (
                f"not comparable: data, candidates or options changed (revision {was.revision[:8]} → "
                f"{now.revision[:8]})"
            )
        else:
            gone = [f"{when}: {model.gone[column]}" for when, model in (("before", first), ("after", second))
                    if column in model.gone]  # fmt: skip
            if gone:
                notes[column] = f"not paired: {'; '.join(gone)}"
    return notes


def _paired(
    place: _Place, new: RunState, first: EarlierModel, second: EarlierModel, *, notes: dict[str, str], known: Trainings
) -> GateResult | None:
    """Return the verdicts on all columns with the same items in both states; the reason of any other is noted.

    It is the comparison of the gate with a baseline: values that are equal differ by exactly zero.
    """
    evidence: list[Evidence] = []
    for column in suite_of(new).tasks:
        name = column.column
        before, now = first.measured.items.get(name), second.measured.items.get(name)
        if name in notes or before is None or now is None:
            continue
        if before.ids != now.ids:
            notes[name] = "not comparable: the items have other ids"
            continue
        values = rounded(before.values, before.statistic)
        try:
            evidence.append(regression.change(second.measured, column, values, policy=place.policy, known=known))
        except NoInterval as error:
            notes[name] = f"no interval: {error}"
    return gate.judge(evidence, policy=place.policy) if evidence else None


def _column(
    name: str,
    before: LoggedScore | None,
    after: LoggedScore | None,
    notes: Mapping[str, str],
    result: GateResult | None,
) -> ColumnStep:
    was = None if before is None else before.value
    verdict = None if result is None else next((task for task in result.tasks if task.task == name), None)
    if verdict is None:
        note = "only one of both states has a score" if before is None or after is None else "not paired"
        return ColumnStep(was, after, note=notes.get(name) or note)
    return ColumnStep(was, after, verdict.delta, verdict.p_holm, verdict.verdict)


def _causes(old: RunState, new: RunState, then: str, now: str) -> tuple[Cause, ...]:
    """Return what differs between two states, as far as it can change the scores of a row."""
    was, is_ = old.models[then], new.models[now]
    causes = [Cause("row", f"the best row was {then}, now it is {now}")] if then != now else []
    for column in dict.fromkeys([*new.tasks, *old.tasks]):
        task, earlier = new.tasks.get(column), old.tasks.get(column)
        if task is None or earlier is None:
            causes.append(Cause("suite", f"{column} {'left' if task is None else 'joined'} the suite"))
        elif task.revision != earlier.revision:
            changed = f"{earlier.revision[:8]} → {task.revision[:8]}"
            causes.append(Cause("data", f"data, candidates or options of {column}: revision {changed}"))
    if then == now:
        causes += _of_model(now, was, is_)
    changed_packages = [
        f"{name} {old.packages.get(name, 'none')} → {new.packages.get(name, 'none')}"
        for name in sorted(old.packages.keys() | new.packages.keys())
        if old.packages.get(name) != new.packages.get(name)
    ]
    # Versions are those of all measurements: they matter only where a score differs.
    points, earlier_points = _points(is_), _points(was)
    has_other_scores = any(points[column] != earlier_points[column] for column in points.keys() & earlier_points.keys())
    if changed_packages and has_other_scores:
        causes.append(Cause("versions", f"versions: {', '.join(changed_packages)}"))
    if old.hardware != new.hardware and has_other_scores:
        causes.append(Cause("hardware", f"hardware: {old.hardware} → {new.hardware}"))
    return tuple(causes)


def _of_model(name: str, was: LoggedModel, now: LoggedModel) -> list[Cause]:
    causes = []
    if was.recipe != now.recipe:
        causes.append(Cause("recipe", f"the file of {name}: {was.recipe[:8]} → {now.recipe[:8]}"))
    if was.trainsets != now.trainsets:
        causes.append(Cause("training_set", f"the training set of {name}: {was.trainsets[:8]} → {now.trainsets[:8]}"))
    if len(was.revisions) != len(now.revisions):
        causes.append(Cause("seeds", f"seeds of {name}: {len(was.revisions)} → {len(now.revisions)}"))
    elif was.revisions != now.revisions:
        changed = f"{was.revisions[0][:8]} → {now.revisions[0][:8]}"
        causes.append(Cause("model", f"the model {name} (weights, prompts, length or encoder): revision {changed}"))
    return causes
