"""What the page's script knows: the panels and tooltips as compact JSON, a fraction of what they take as HTML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcmbench.boards import texts
from tcmbench.boards.texts import clip, metric_title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.boards.entry import TrainingPoint
    from tcmbench.boards.table import Cell, Estimate, ItemChange, Row, Table, TaskColumn
    from tcmbench.store import Json

KNOWN_METRICS = (
    "ndcg_at_10", "map_at_10", "mrr_at_10", "recall_at_1", "recall_at_5", "recall_at_10", "recall_at_100",
    "hit_rate_at_10", "macro_recall_at_1", "macro_f1", "accuracy", "f1", "ap", "cosine_spearman", "cosine_pearson",
    "v_measure", "max_f1", "max_ap",
)  # fmt: skip
"""Metrics that panels show beside the main one; the rest is in `scores.json`."""

_SMALL_BOARD = 240
_METRICS = 5


def payload(table: Table) -> str:
    """Return the JSON for the page, safe inside a script element whatever the data holds."""
    small = len(table.rows) * len(table.columns) <= _SMALL_BOARD
    columns = [_column(column, table) for column in table.columns]
    data: Json = {
        "reference": table.row(table.reference).title,
        "columns": columns,
        "rows": [_row(row, table, small=small) for row in table.rows],
        "texts": {
            key.removeprefix("script."): [both.en, both.zh]
            for key, both in texts.load().items()
            if key.startswith("script.")
        },
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for raw in "<>&\u2028\u2029":
        text = text.replace(raw, f"\\u{ord(raw):04x}")
    return text


def column_metrics(column: TaskColumn, table: Table) -> list[str]:
    """Return the further metrics that a task's panels show: known ones that every measured cell has."""
    cells = [row.cells[column.name] for row in table.rows]
    held = [set(cell.metrics) for cell in cells if cell.status == "measured"]
    if not held:
        return []
    everywhere = set.intersection(*held) - {column.metric}
    return [name for name in KNOWN_METRICS if name in everywhere][:_METRICS]


def _column(column: TaskColumn, table: Table) -> Json:
    return {
        "title": clip(column.title, 60),
        "role": column.role,
        "metric": metric_title(column.metric),
        "metrics": [metric_title(name) for name in column_metrics(column, table)],
    }


def _row(row: Row, table: Table, *, small: bool) -> Json:
    found: dict[str, Json] = {
        "title": clip(row.title),
        "name": clip(row.name),
        "kind": row.kind,
        "base": clip(row.base or ""),
        "about": clip(row.description, 400),
        "seeds": row.seeds,
        "recipe": {clip(name, 60): clip(_shown(value)) for name, value in sorted(row.recipe.items())},
        "provenance": {clip(name, 60): clip(value, 240) for name, value in sorted(row.provenance.items())},
        "cost": {
            name: getattr(row.cost, name)
            for name in (row.cost.__slots__ if row.cost else ())
            if getattr(row.cost, name) is not None
        },
        "training": {
            str(seed): _curve(points, limit=60 if small else 24) for seed, points in sorted(row.training.items())
        },
        "cells": [_cell(row.cells[column.name], column, table, extremes=3 if small else 2) for column in table.columns],
    }
    if row.failure:
        found["failure"] = clip(row.failure, 600)
    return found


def _cell(cell: Cell, column: TaskColumn, table: Table, *, extremes: int) -> Json:
    if cell.status != "measured" or cell.score is None:
        return {"x": cell.status, "why": clip(cell.reason, 300)}
    found: dict[str, Json] = {"s": _estimate(cell.score), "n": cell.items}
    found |= _difference(cell)
    if cell.best or cell.tied:
        found["b"] = 1 if cell.best else 2
    if len(cell.seed_values) > 1:
        found["k"] = [round(value, 1) for value in cell.seed_values]
    metrics = column_metrics(column, table)
    if metrics:
        found["m"] = [round(cell.metrics[name] * 100, 1) for name in metrics]
    if cell.histogram:
        found["h"] = list(cell.histogram)
    if cell.worse_share is not None and cell.improved_share is not None:
        found["w"] = [round(cell.improved_share * 100), round(cell.worse_share * 100)]
    if cell.lowest:
        shown = column.card.texts if column.card else {}
        found["lo"] = [_item(change, shown) for change in cell.lowest[:extremes]]
        found["hi"] = [_item(change, shown) for change in cell.highest[:extremes]]
    return found


def _difference(cell: Cell) -> dict[str, Json]:
    found: dict[str, Json] = {}
    if cell.delta is not None:
        found["d"] = _estimate(cell.delta)
    if cell.p_value is not None:
        found["p"] = float(f"{cell.p_value:.2g}")
    if cell.verdict:
        found["v"] = cell.verdict
    return found


def _item(change: ItemChange, shown: Mapping[str, str]) -> Json:
    """Return id, value, change, and the text where the user asked for texts."""
    found: list[Json] = [clip(change.item, 48), round(change.value), round(change.delta)]
    if change.item in shown:
        found.append(clip(shown[change.item], 400))
    return found


def _estimate(estimate: Estimate) -> Json:
    ends = [estimate.low, estimate.high] if estimate.low is not None else []
    return [round(value, 2) for value in (estimate.value, *ends) if value is not None]


def _curve(points: Sequence[TrainingPoint], *, limit: int) -> Json:
    """Return steps, loss, margin and learning rate, thinned evenly to `limit` points, the last one kept."""
    if len(points) > limit:
        places = sorted({round(i * (len(points) - 1) / (limit - 1)) for i in range(limit)})
        points = [points[place] for place in places]
    series: dict[str, Json] = {"step": [point.step for point in points]}
    for name in ("loss", "margin", "learning_rate"):
        values = [getattr(point, name) for point in points]
        if any(value is not None for value in values):
            series[name] = [None if value is None else float(f"{value:.3g}") for value in values]
    return series


def _shown(value: Json) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
