"""From a model set to the entries of its board: what each model scored, or why it didn't."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcmbench.boards.entry import CellState, Cost, Entry, TaskCard
from tcmbench.evaluation import tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from tcmbench.evaluation.run import Cells, Plan
    from tcmbench.specs.base import Base
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace


def base_entry(base: Base, cells: Cells) -> Entry:
    """Return the row of a base or baseline as it is."""
    return Entry(
        name=base.name,
        title=base.name,
        kind="baseline" if base.kind == "baseline" else "base",
        description=base.description,
        recipe=recipe(base),
        scores={column: (score,) for column, score in cells.scores.items()},
        states={column: CellState(gap.state, gap.reason) for column, gap in cells.gaps.items()},
        cost=Cost(encode_tokens_per_second=_speed([cells])),
        provenance=_provenance([cells]),
    )


def failed_base_entry(base: Base, planned: Plan, reason: str) -> Entry:
    """Return the row of a base that could not be loaded: failed everywhere, with the reason."""
    return Entry(
        name=base.name,
        title=base.name,
        kind="baseline" if base.kind == "baseline" else "base",
        description=base.description,
        recipe=recipe(base),
        states={column.column: CellState("failed", reason) for column in planned.suite.tasks},
        failure=reason,
    )


def recipe(spec: BaseModel) -> dict[str, Json]:
    """Return a spec's fields, tables flattened with dots, those left at None or empty out."""
    flat: dict[str, Json] = {}

    def walk(prefix: str, value: Json) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{prefix}.{name}" if prefix else name, inner)
        elif value not in (None, "", []):
            flat[prefix] = value

    walk("", json.loads(spec.model_dump_json(exclude={"description"})))
    return flat


def task_cards(workspace: Workspace, planned: Plan) -> Mapping[str, TaskCard]:
    """Return what the board says about the data of each column."""
    specs = {spec.name: spec for spec in tasks.specs(workspace)}
    cards = {}
    for column in planned.suite.tasks:
        spec = specs.get(column.task)
        if spec is not None:
            cards[column.column] = TaskCard(
                description=spec.description,
                source=spec.source,
                license=spec.license,
                languages=spec.languages,
                synthetic=spec.synthetic,
            )
    return cards


def _speed(seeds: Sequence[Cells]) -> float | None:
    """Return tokens encoded a second over all scores that encoded anything; None when all came from the cache."""
    origins = [score.record.provenance for cells in seeds for score in cells.scores.values()]
    tokens = sum(origin.encoded_tokens for origin in origins)
    seconds = sum(origin.seconds for origin in origins if origin.encoded_tokens)
    return tokens / seconds if tokens and seconds else None


def _provenance(seeds: Sequence[Cells]) -> dict[str, str]:
    """Return the provenance of a model's scores, one line a kind; several values are listed."""
    records = [score.record for cells in seeds for score in cells.scores.values()]
    if not records:
        return {}

    def joined(values: set[str]) -> str:
        return ", ".join(sorted(value for value in values if value))

    packages = {
        f"{name} {version}" for record in records for name, version in record.provenance.packages.items()
    }
    return {
        "model revision": joined({record.model_revision for record in records}),
        "commit": joined({record.provenance.commit for record in records}),
        "hardware": joined({record.provenance.hardware for record in records}),
        "command": joined({record.provenance.command for record in records}),
        "packages": joined(packages),
    }
