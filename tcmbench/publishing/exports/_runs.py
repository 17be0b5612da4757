"""The rows of a board as runs of an experiment tracker: recipe, scores, changes and training curves."""

from __future__ import annotations

import hashlib
import importlib
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench.errors import MissingExtra
from tcmbench.specs.suite import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tcmbench.boards.cells import ShownEstimate
    from tcmbench.boards.table import BoardRow, Table

_IDENTITY = 16


class CurvePoint(NamedTuple):
    """A value of a training curve."""

    step: int
    value: float


class TrackedRun(NamedTuple):
    """A row as a run."""

    name: str

    identity: str
    """Hash of the board's scores and the row: the same export again is the same run."""

    params: Mapping[str, str]
    """Fields of its recipe, without secrets."""

    tags: Mapping[str, str]
    """Set, suite, kind, base, outcome of the gate, revisions."""

    metrics: Mapping[str, float]
    """`score/COLUMN`, `change/COLUMN` and means, in points, each with `_low` and `_high` where it has an interval."""

    curves: Mapping[str, Sequence[CurvePoint]]
    """`training/seed0/loss` and the like, by step."""


def library(name: str, *, extra: str) -> Any:
    """Return a tracker's package.

    Raises:
        MissingExtra: It isn't installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtra.of(name, extra, purpose=f"tcmbench export --to {extra}") from error


def runs(table: Table) -> list[TrackedRun]:
    """Return the rows with a score."""
    return [_run(table, row) for row in table.rows if any(cell.score is not None for cell in row.cells.values())]


def _run(table: Table, row: BoardRow) -> TrackedRun:
    identity = hashlib.sha256(f"{table.digest}\n{row.name}".encode()).hexdigest()[:_IDENTITY]
    metrics = dict(_metrics(row))
    return TrackedRun(
        name=row.name,
        identity=identity,
        params={name: str(value) for name, value in row.recipe.items()},
        tags={
            "tcmbench.set": table.name,
            "tcmbench.suite": table.suite,
            "tcmbench.board": table.label,
            "tcmbench.identity": identity,
            "tcmbench.kind": row.kind,
            "tcmbench.reference": table.reference,
            "tcmbench.synthetic": str(table.synthetic).lower(),
            **({"tcmbench.base": row.base} if row.base else {}),
            **({"tcmbench.gate": row.gate.outcome} if row.gate else {}),
            **(
                {"tcmbench.model_revision": row.provenance["model revision"].en}
                if "model revision" in row.provenance
                else {}
            ),
        },
        metrics=metrics,
        curves=dict(_curves(row)),
    )


def _metrics(row: BoardRow) -> Iterator[tuple[str, float]]:
    for name, cell in row.cells.items():
        yield from _figure(f"score/{name}", cell.score)
        yield from _figure(f"change/{name}", cell.delta)
    for role in ROLES:
        name = "backward_transfer" if role == "general" else f"gain_{role}"
        yield from _figure(name, row.aggregates.of(role))
    if row.cost is not None and row.cost.train_seconds is not None:
        yield "cost/train_seconds", row.cost.train_seconds


def _figure(name: str, estimate: ShownEstimate | None) -> Iterator[tuple[str, float]]:
    if estimate is None:
        return
    yield name, estimate.value
    for end, value in (("low", estimate.low), ("high", estimate.high)):
        if value is not None:
            yield f"{name}_{end}", value


def _curves(row: BoardRow) -> Iterator[tuple[str, list[CurvePoint]]]:
    for seed, points in row.training.items():
        for field in ("loss", "margin", "learning_rate"):
            values = [(point.step, getattr(point, field)) for point in points]
            curve = [CurvePoint(step, value) for step, value in values if value is not None and math.isfinite(value)]
            if curve:
                yield f"training/seed{seed}/{field}", curve
