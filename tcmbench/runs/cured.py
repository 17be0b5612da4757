"""Entries of cures and forms from the store, without making or measuring."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tcmbench.errors import DamagedArtefact, DataAbsent, TcmbenchError
from tcmbench.evaluation import run
from tcmbench.models.weights import is_absent_base
from tcmbench.records import failures
from tcmbench.records.entry import CellState, Cost, Entry
from tcmbench.records.model import Model
from tcmbench.records.reason import Reason, Reasons
from tcmbench.runs import entries as board_entries
from tcmbench.specs.base import Base
from tcmbench.specs.form import Form
from tcmbench.treatment import treat
from tcmbench.treatment.treatment import Treatment, kind_of, made_of, resolve
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tcmbench.records.cells import Cells
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.cure import Cure
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.store import Json
    from tcmbench.treatment.treat import Cured
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class _Made:
    """The models of a cure or form that are in the store."""

    cured: Sequence[Cured]
    """One per seed."""

    cells: Sequence[Cells]
    """Their cells, in the same order."""

    cost: Cost
    """Means over the seeds."""


def stored_treated(workspace: Workspace, spec: Cure | Form, model_set: ModelSet, planned: PlannedSuite) -> Entry:
    """Return the entry of a cure or form; a column has scores if the models of all its seeds have one."""
    treatment: Treatment | None = None
    cured: list[Cured] = []
    unmade: list[CellState] = []
    try:
        with failures.explained(f"{kind_of(spec)} {spec.name}"):
            treatment = resolve(workspace, spec, model_set, planned)
            for seed in treatment.seeds:
                one = _stored(workspace, treatment, seed)
                if isinstance(one, CellState):
                    unmade.append(one)
                else:
                    cured.append(one)
            cells = [run.read(workspace, one.model, planned) for one in cured]
            cost = _cost(workspace, treatment, cured, cells)
    except TcmbenchError as error:
        unmade.append(_unresolved(workspace, _base_of(workspace, spec, model_set), error))
        cured, cells, cost = [], [], Cost()
    entry = _entry(spec, planned, made=_Made(cured, cells, cost), unmade=unmade)
    leaks = treatment.leaks if treatment and cured else Reasons()
    base = _base_of(workspace, spec, model_set)
    if _root(workspace, spec, model_set) not in model_set.models:
        return replace(entry, base=base, leaks=leaks)
    # A form of a base was not trained here either: its row is of the same kind, and it lists the base as its source.
    original = workspace.spec(Base, base)
    return replace(entry, base=original.tuned_from, kind=board_entries.kind_of(original))


def seed_of(
    workspace: Workspace, spec: Cure | Form, model_set: ModelSet, planned: PlannedSuite, seed: str
) -> Entry | None:
    """Return the entry of one seed of a cure or form; None where it has no such seed."""
    entry = stored_treated(workspace, spec, model_set, planned)
    seeds = [str(each) for each in resolve(workspace, spec, model_set, planned).seeds]
    if seed not in seeds:
        return None
    place = seeds.index(seed)
    return replace(entry, scores={column: (scores[place],) for column, scores in entry.scores.items()})


def _stored(workspace: Workspace, treatment: Treatment, seed: int) -> Cured | CellState:
    """Return the model of a seed, or why there is none."""
    try:
        one = treat.stored(workspace, treatment, seed=seed)
    except DamagedArtefact as error:
        return failures.damaged(workspace.store, error)
    if one is not None:
        return one
    failed = treat.failure(workspace, treatment, seed=seed)
    if failed is None:
        return CellState("pending", Reason.of("unmade", seed=seed))
    model, reason = failed
    own = model == f"{treatment.spec.name}/seed{seed}"
    return CellState("failed", reason if own else Reason.of("input_failed", model=model, why=reason))


def _unresolved(workspace: Workspace, base: str, error: TcmbenchError) -> CellState:
    is_absent = isinstance(error, DataAbsent) or is_absent_base(workspace, workspace.spec(Base, base), error)
    return CellState("not_measured" if is_absent else "failed", Reason.message(error))


def _base_of(workspace: Workspace, spec: Cure | Form, model_set: ModelSet) -> str:
    """Return the name of the base that the first input was tuned from, or that it is a form of."""
    bases = {variant.name: variant.base for variant in workspace.variants(model_set)}
    root = _root(workspace, spec, model_set)
    return bases.get(root, root)


def _root(workspace: Workspace, spec: Cure | Form, model_set: ModelSet) -> str:
    """Return the variant or base that the first input is made from, through cures and forms."""
    treated = {each.name: made_of(each)[0] for each in workspace.treated(model_set)}
    name = made_of(spec)[0]
    while name in treated:
        name = treated[name]
    return name


def _entry(spec: Cure | Form, planned: PlannedSuite, *, made: _Made, unmade: Sequence[CellState]) -> Entry:
    failure = next((state for state in unmade if state.state != "pending"), None)
    columns = [column.column for column in planned.suite.tasks]
    states = {column: state for one in made.cells for column, state in one.states.items()}
    if unmade:
        states |= dict.fromkeys(columns, failure or unmade[0])
    complete = [c for c in columns if made.cells and c not in states and all(c in one.scores for one in made.cells)]
    return Entry(
        name=spec.name,
        title=spec.name,
        kind="variant",
        of=() if isinstance(spec, Form) else spec.of,
        form_of=spec.of if isinstance(spec, Form) else "",
        description=spec.description,
        description_zh=spec.description_zh,
        recipe=board_entries.recipe(spec),
        scores={column: tuple(one.scores[column] for one in made.cells) for column in complete},
        states=states,
        cost=made.cost,
        precision=board_entries.precision(made.cured[0].model) if made.cured else "",
        failure=str(failure.reason) if failure else None,
        provenance={**board_entries.provenance(made.cells), **_provenance(kind_of(spec), made.cured)},
    )


def _provenance(kind: str, cured: Sequence[Cured]) -> dict[str, str]:
    """Return what the models are made from, and the facts of the plug-in, one value per seed where they differ."""
    if not cured:
        return {}
    sources = [str(name) for one in cured for name in _list(one.outcome.get("made_from"))]
    facts = [one.outcome.get("facts") for one in cured]
    names = dict.fromkeys(name for each in facts if isinstance(each, dict) for name in each)
    values = {name: [str(each.get(name)) for each in facts if isinstance(each, dict)] for name in names}
    return {
        "made from": ", ".join(dict.fromkeys(sources)),
        **{f"{kind}: {name}": ", ".join(dict.fromkeys(each)) for name, each in values.items()},
    }


def _cost(workspace: Workspace, treatment: Treatment, cured: Sequence[Cured], cells: Sequence[Cells]) -> Cost:
    """Return the costs of the trainings that a model is made from, with the making; means over the seeds."""
    if not cured:
        return Cost()
    outcomes = [_trainings(workspace, treatment, one.model.seed) for one in cured]
    if treatment.recipe is None:
        return Cost(encode_tokens_per_second=board_entries.speed(cells))
    making = [_number(one.outcome, "seconds") or 0.0 for one in cured]

    def total(name: str) -> float | None:
        values = [[_number(each, name) for each in of_model] for of_model in outcomes]
        if any(value is None for each in values for value in each):
            return None
        return sum(sum(value or 0.0 for value in each) for each in values) / len(values)

    def largest(name: str) -> float | None:
        values = [value for of_model in outcomes for each in of_model if (value := _number(each, name)) is not None]
        return max(values, default=None)

    seconds, tokens, trained = total("seconds"), total("tokens"), largest("trained_parameters")
    mean_making = sum(making) / len(making)
    return Cost(
        train_seconds=None if seconds is None else seconds + mean_making,
        make_seconds=mean_making,
        trained_parameters=None if trained is None else round(trained),
        train_tokens=None if tokens is None else round(tokens),
        peak_memory_mib=largest("peak_gpu_memory_mib") or largest("peak_memory_mib"),
        encode_tokens_per_second=board_entries.speed(cells),
    )


def _trainings(workspace: Workspace, treatment: Treatment, seed: int) -> list[Mapping[str, Json]]:
    """Return the outcomes of all trainings that a model is made from, through other cures too; {} for an absent one."""
    return [*dict(_leaves(workspace, treatment, seed)).values()]


def _leaves(workspace: Workspace, treatment: Treatment, seed: int) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for one in treatment.inputs(seed):
        if isinstance(one.source, Model):
            continue
        if isinstance(one.source, Recipe):
            tuned = tune.stored(workspace, one.source, seed=one.seed)
            yield one.name, {} if tuned is None else tuned.outcome
        else:
            yield from _leaves(workspace, one.source, one.seed)


def _number(facts: Mapping[str, Json], name: str) -> float | None:
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) else None


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
