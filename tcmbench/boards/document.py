"""`scores.json`: the whole board as data, with a schema that readers can rely on.

The schema is `Document`; `tcmbench board SET --format schema` prints it as JSON Schema. Points are rounded to six
decimals here and nowhere else; text is whole, however long.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from tcmbench.errors import StoreError
from tcmbench.specs.suite import ROLES

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.table import Cell, Estimate, Row, Table, TaskColumn

FORMAT = "tcmbench-board/1"
_DIGITS = 6


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Interval(_Part):
    """A figure in points (0–100) with its 95% interval; the ends are null where none can be given."""

    value: float
    """The figure, rounded to six decimals."""

    low: float | None
    high: float | None


class TaskDocument(_Part):
    """A column of the board."""

    name: str
    """`Task`, or `Task/split`: what `task` of a score names."""

    title: str
    task: str
    split: str
    role: Literal["in_domain", "held_out", "general"]
    """in_domain and held_out measure gain, general measures forgetting."""

    metric: str
    """Main metric as mteb names it; empty where nobody has been measured."""

    task_type: str
    revision: str
    """Hash of the task's data and settings."""

    items: int
    clusters: int
    """Groups of items that are resampled together: patients."""

    synthetic: bool
    """Whether the data is generated."""

    description: str
    source: str
    license: str


class ScoreDocument(_Part):
    """One model on one task; `score` is null exactly when `status` is not `measured`, and `reason` says why."""

    task: str
    status: Literal["measured", "pending", "running", "failed", "not_measured", "not_applicable"]
    reason: str
    score: Interval | None
    """Main metric, mean over seeds."""

    delta: Interval | None
    """The same minus the reference's, item by item."""

    p_value: float | None
    """Two-sided paired test against the reference, Holm-corrected over the model's tasks."""

    verdict: Literal["improved", "unchanged", "inconclusive", "regressed"] | None
    best: bool
    """The highest of its task."""

    tied: bool
    """Can't be told apart from the highest."""

    items: int
    seed_values: list[float]
    """Main metric of each seed, in points."""

    metrics: dict[str, float]
    """All metrics on the task's own scale (0–1), mean over seeds."""

    improved_share: float | None
    """Share of the items that score higher than the reference's (0–1)."""

    worse_share: float | None
    """Share of the items that score lower (0–1)."""


class ModelDocument(_Part):
    """A row of the board."""

    name: str
    title: str
    kind: Literal["baseline", "base", "variant"]
    base: str | None
    description: str
    is_reference: bool
    seeds: int
    failure: str | None
    gain_in_domain: Interval | None
    gain_held_out: Interval | None
    backward_transfer: Interval | None
    """Mean difference over the general tasks; negative is forgetting."""

    partial_roles: list[Literal["in_domain", "held_out", "general"]]
    """Roles with tasks that the model can't do: its sums, and what follows from them, are over the others."""

    worst_general_task: str
    worst_general_delta: Interval | None
    retention_percent: Interval | None
    """Mean over the general tasks of the score in percent of the reference's."""

    worse_share: float | None
    ranks: tuple[int, int] | None
    """Best and worst rank by gain among all models with every score that counts; null for the others."""

    borda: float | None
    """Borda points over all tasks, as a share of what is possible (0–1)."""

    on_front: bool
    """On the Pareto front of gain against backward transfer."""

    gate: Literal["pass", "regression", "inconclusive", "missing"] | None
    """What the gate says of a variant; null for other models."""

    gate_reasons: list[str]
    """Every rule that is not met, in a sentence."""

    cost: dict[str, float | int | None]
    recipe: dict[str, JsonValue]
    """Fields of its file, tables flattened with dots."""

    provenance: dict[str, str]
    scores: list[ScoreDocument]


class RecommendationDocument(_Part):
    """Which variant ships."""

    outcome: Literal["ship", "none_safe", "no_gain", "incomplete", "no_variants"]
    model: str | None
    ties: list[str]


class Document(_Part):
    """A board."""

    format: Literal["tcmbench-board/1"]
    digest: str
    """sha256 over what was measured: the permanent name of the result."""

    set: str
    title: str
    description: str
    suite: str
    synthetic: bool
    reference: str
    """Name of the model that differences are taken from."""

    policy: dict[str, JsonValue]
    """Rules of the gate, resamples and their seed."""

    command: str
    recommendation: RecommendationDocument
    tasks: list[TaskDocument]
    models: list[ModelDocument]


def document(table: Table) -> Document:
    """Return the board as a document."""
    answer = table.recommendation
    return Document(
        format=FORMAT,
        digest=table.digest,
        set=table.name,
        title=table.title,
        description=table.description,
        suite=table.suite,
        synthetic=table.synthetic,
        reference=table.reference,
        policy=table.policies.reference.model_dump(mode="json"),
        command=table.command,
        recommendation=RecommendationDocument(outcome=answer.outcome, model=answer.row, ties=list(answer.ties)),
        tasks=[_task(column) for column in table.columns],
        models=[_model(row) for row in table.rows],
    )


def to_json(table: Table) -> str:
    """Return the text of `scores.json`."""
    return document(table).model_dump_json(indent=1) + "\n"


def schema() -> str:
    """Return the JSON Schema of `scores.json`."""
    return json.dumps(Document.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def read(path: Path) -> Document:
    """Read a `scores.json`.

    Raises:
        StoreError: It does not fit the schema.
    """
    try:
        return Document.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: expected {FORMAT}, but: {error}. Render the board again.") from error


def _task(column: TaskColumn) -> TaskDocument:
    card = column.card
    return TaskDocument(
        name=column.name,
        title=column.title,
        task=column.task,
        split=column.split,
        role=column.role,
        metric=column.metric,
        task_type=column.task_type,
        revision=column.revision,
        items=column.items,
        clusters=column.clusters,
        synthetic=column.synthetic,
        description=card.description if card else "",
        source=card.source if card else "",
        license=card.license if card else "unknown",
    )


def _model(row: Row) -> ModelDocument:
    sums = row.aggregates
    cost = row.cost
    return ModelDocument(
        name=row.name,
        title=row.title,
        kind=row.kind,
        base=row.base,
        description=row.description,
        is_reference=row.is_reference,
        seeds=row.seeds,
        failure=row.failure,
        gain_in_domain=_interval(sums.in_domain),
        gain_held_out=_interval(sums.held_out),
        backward_transfer=_interval(sums.general),
        partial_roles=[role for role in ROLES if role in sums.partial],
        worst_general_task=sums.worst_task,
        worst_general_delta=_interval(sums.worst_delta),
        retention_percent=_interval(sums.retention),
        worse_share=_round(sums.worse_share),
        ranks=sums.ranks,
        borda=_round(sums.borda),
        on_front=sums.on_front,
        gate=row.gate.outcome if row.gate else None,
        gate_reasons=[reason.en for reason in row.gate.reasons] if row.gate else [],
        cost={name: getattr(cost, name) for name in cost.__slots__} if cost else {},
        recipe={name: row.recipe[name] for name in sorted(row.recipe)},
        provenance={name: row.provenance[name] for name in sorted(row.provenance)},
        scores=[_score(name, cell) for name, cell in row.cells.items()],
    )


def _score(task: str, cell: Cell) -> ScoreDocument:
    return ScoreDocument(
        task=task,
        status=cell.status,
        reason=cell.reason,
        score=_interval(cell.score),
        delta=_interval(cell.delta),
        p_value=_round(cell.p_value),
        verdict=cell.verdict,
        best=cell.best,
        tied=cell.tied,
        items=cell.items,
        seed_values=[round(value, _DIGITS) for value in cell.seed_values],
        metrics={name: round(value, _DIGITS) for name, value in cell.metrics.items()},
        improved_share=_round(cell.improved_share),
        worse_share=_round(cell.worse_share),
    )


def _interval(estimate: Estimate | None) -> Interval | None:
    if estimate is None:
        return None
    return Interval(value=round(estimate.value, _DIGITS), low=_round(estimate.low), high=_round(estimate.high))


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
