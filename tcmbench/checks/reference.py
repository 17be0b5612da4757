"""Each variant against the set's reference, on the board's own resamples: may it ship?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.comparison import Comparer
from tcmbench.boards.table import TaskColumn
from tcmbench.checks.verdict import ModelVerdict, Problem
from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.checks.state import Measured, State
    from tcmbench.stats.policy import Policy


def judge(state: State, names: Sequence[str], *, policy: Policy) -> list[ModelVerdict]:
    """Return the verdict on each of these models; figures are bit for bit those of a board with this policy.

    Raises:
        SpecError: The set has no reference among its models.
        NotComparable: A model was measured on other items than the reference.
    """
    from tcmbench.stats import gate

    base = state.model(state.model_set.reference)
    if base is None:
        raise SpecError(f"set {state.model_set.name}: reference {state.model_set.reference!r} is not among its models")
    models = [model for model in state.models if model.name in names]
    comparer = _comparer(state, [base, *models], policy) if models else None
    verdicts = []
    for model in models:
        problems = missing(state, model, policy=policy) + _without_base(model, base, policy)
        both = [c.column for c in state.columns if c.column in model.items and c.column in base.items]
        evidence = [comparer.evidence(model.name, column) for column in both] if comparer else []
        verdicts.append(
            ModelVerdict(
                name=model.name,
                kind=model.entry.kind,
                against="reference",
                seeds=seeds(model),
                changed=True,
                result=gate.judge(evidence, policy=policy) if evidence else None,
                problems=tuple(problems),
                policy=policy,
                place=state.places[model.name],
            )
        )
    return verdicts


def missing(state: State, model: Measured, *, policy: Policy) -> list[Problem]:
    """Return the columns of the suite that a model should have a score on and hasn't."""
    return [
        Problem("missing", column.column, f"{_said(gap.state)}: {gap.reason}", policy.requires(column.column))
        for column in state.columns
        if (gap := model.entry.states.get(column.column)) is not None and gap.state != "not_applicable"
    ]


def seeds(model: Measured) -> int:
    """Return how many trainings stand behind a model's scores; 0 for one that was not trained here."""
    if model.entry.kind != "variant":
        return 0
    return max((len(found.values) for found in model.items.values()), default=0)


def _without_base(model: Measured, base: Measured, policy: Policy) -> list[Problem]:
    found = []
    for column in model.items:
        if column not in base.items:
            gap = base.entry.states.get(column)
            why = f"{_said(gap.state)}: {gap.reason}" if gap else "no score is stored"
            found.append(
                Problem("missing", column, f"the reference {base.name} has no score: {why}", policy.requires(column))
            )
    return found


def _comparer(state: State, models: Sequence[Measured], policy: Policy) -> Comparer:
    """Return the board's comparison over these models."""
    columns = []
    for column in state.columns:
        record = next((m.entry.scores[column.column][0].record for m in models if column.column in m.items), None)
        if record is not None:
            columns.append(
                TaskColumn(
                    name=column.column,
                    title=column.title or column.column,
                    task=column.task,
                    split=column.split,
                    role=column.role,
                    metric=record.metric,
                )
            )
    items = {model.name: dict(model.items) for model in models}
    return Comparer(columns, items, reference=state.model_set.reference, policy=policy)


def _said(state: str) -> str:
    return state.replace("_", " ")
