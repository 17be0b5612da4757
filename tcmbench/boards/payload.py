"""Data of the page's script: the initial data as compact JSON, and the details of each model, packed.

Details fill panels and tooltips. A model's are JSON, compressed with zlib and encoded as base64; the script unpacks
them when the model's panel is opened. Otherwise half a million figures would make a page of megabytes.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tcmbench.boards import formed, texts
from tcmbench.boards.cure_facts import facts
from tcmbench.boards.digits import in_hundredths, short
from tcmbench.boards.texts import clip, metric_name, named
from tcmbench.specs.suite import ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.boards.cells import Cell, Difference, ItemChange, ShownEstimate
    from tcmbench.boards.columns import ColumnFigure
    from tcmbench.boards.table import BoardRow, StepPoint, Table, TaskColumn
    from tcmbench.boards.texts import Text
    from tcmbench.records.entry import TrainingPoint
    from tcmbench.stats.gate import Verdict
    from tcmbench.store import Json

KNOWN_METRICS = (
    "ndcg_at_10", "map_at_10", "mrr_at_10", "recall_at_1", "recall_at_5", "recall_at_10", "recall_at_100",
    "hit_rate_at_10", "macro_recall_at_1", "macro_f1", "accuracy", "f1", "ap", "cosine_spearman", "cosine_pearson",
    "v_measure", "max_f1", "max_ap",
)  # fmt: skip
"""Metrics that panels show in addition to the main one; the rest is in `scores.json`."""

_Value = TypeVar("_Value")

_VERDICTS: tuple[Verdict, ...] = ("improved", "unchanged", "inconclusive", "regressed")
_LONG_ID = 40
_TOGETHER = 8
"""Number of models packed together: zlib's window is 32 KiB, within which common content is stored once."""
_SMALLEST_P = 1e-3
"""Smallest p value shown; lower ones are shown as below it."""


class Detail(NamedTuple):
    """Level of detail of a page, which limits its size."""

    whole: bool
    """Whether the intervals in the table, and the pictures and tasks below it, are plain; else the script writes them
    from packed data."""

    extremes: int
    """Items at either end of each task."""

    points: int
    """Points of a training curve."""

    metrics: int
    """Further metrics of each task."""


DETAILS = (
    Detail(True, 3, 60, 5),
    Detail(False, 3, 60, 5),
    Detail(False, 2, 16, 4),
    Detail(False, 1, 12, 2),
    Detail(False, 0, 12, 2),
    Detail(False, 0, 8, 0),
)
"""Levels of detail, most detailed first."""


class Shared(NamedTuple):
    """Content common to all variants, written once."""

    recipe: Mapping[str, str]
    """Recipe fields that are equal in all variants."""

    provenance: Mapping[str, Json]
    """Provenance fields that are equal in all variants."""

    @classmethod
    def of(cls, table: Table) -> Shared:
        """Return the common content of a table's rows; nothing for a single variant."""
        return cls(
            _in_common([_recipe(row) for row in table.rows if row.kind == "variant"]),
            _in_common([_provenance(row) for row in table.rows if row.kind == "variant"]),
        )


class _Shown(NamedTuple):
    """Content of panels about a column, independent of the model."""

    stem: str
    """Common prefix of its item ids."""

    metrics: Sequence[str]
    """Further metrics."""


def payload(
    table: Table, *, figures: Mapping[str, Sequence[ColumnFigure]], summaries: Sequence[str], detail: Detail
) -> str:
    """Return the JSON for the page, safe inside a script element for any data.

    Args:
        table: The board.
        figures: Row → content of its summary columns.
        summaries: Names of these columns.
        detail: Level of detail.
    """
    shown = {column.name: _Shown(_stem(column, table), _metrics(column, table, detail)) for column in table.columns}
    shared = Shared.of(table)
    details = [_details(row, table, figures[row.name], shown=shown, shared=shared, detail=detail) for row in table.rows]
    data: Json = {
        "set": table.name,
        "label": table.label,
        "limit": table.limit,
        "reference": table.reference,
        "less": detail != DETAILS[0],
        "whole": detail.whole,
        "summaries": list(summaries),
        "columns": [_column(column, shown[column.name]) for column in table.columns],
        "shared": {"recipe": dict(shared.recipe), "provenance": dict(shared.provenance)},
        "fields": {name: _both(named("provenance", name)) for name in _fields(table)},
        "rows": [_row(row, table, figures[row.name], shared=shared) for row in table.rows],
        "together": _TOGETHER,
        "packed": [packed(_compact(details[start : start + _TOGETHER])) for start in range(0, len(details), _TOGETHER)],
        "texts": {
            key.removeprefix("script."): [both.en, both.zh]
            for key, both in texts.load().items()
            if key.startswith("script.")
        },
    }
    text = _compact(data)
    for raw in "<>&\u2028\u2029":
        text = text.replace(raw, f"\\u{ord(raw):04x}")
    return text


def _compact(data: Json) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def packed(text: str) -> str:
    """Return a text, compressed and encoded as base64."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")


def _column(column: TaskColumn, shown: _Shown) -> Json:
    return {
        "stem": clip(shown.stem, 48),
        "name": clip(column.name),
        "title": _both(column.titles.clipped(60)),
        "role": column.role,
        "items": column.items,
        "metric": _both(metric_name(column.metric)),
        "metrics": [_both(metric_name(name)) for name in shown.metrics],
        **({"limit": column.limit} if column.limit else {}),
    }


def _metrics(column: TaskColumn, table: Table, detail: Detail) -> list[str]:
    """Return the further metrics in a task's panels: known ones that every measured cell has."""
    cells = [row.cells[column.name] for row in table.rows]
    held = [set(cell.metrics) for cell in cells if cell.status == "measured"]
    if not held:
        return []
    everywhere = set.intersection(*held) - {column.metric}
    return [name for name in KNOWN_METRICS if name in everywhere][: detail.metrics]


def _in_common(rows: Sequence[Mapping[str, _Value]]) -> dict[str, _Value]:
    if len(rows) < 2:
        return {}
    return {name: value for name, value in rows[0].items() if all(other.get(name) == value for other in rows)}


def _recipe(row: BoardRow) -> dict[str, str]:
    return {clip(name, 60): clip(_shown(value)) for name, value in sorted(row.recipe.items())}


def _provenance(row: BoardRow) -> dict[str, Json]:
    return {clip(name, 60): _both(value.clipped(400)) for name, value in sorted(row.provenance.items())}


def _fields(table: Table) -> list[str]:
    """Return the fields of the provenances that have a display name."""
    names = {name for row in table.rows for name in row.provenance}
    return sorted(name for name in names if named("provenance", name).en != named("provenance", name).zh)


def _stem(column: TaskColumn, table: Table) -> str:
    """Return the common prefix of the shown item ids of a column, which is written once."""
    cells = [row.cells[column.name] for row in table.rows]
    ids = sorted({change.item for cell in cells for change in (*cell.lowest, *cell.highest)})
    if not ids:
        return ""
    # The common prefix of the first and the last in order is that of all.
    first, last = ids[0], ids[-1]
    stem = first[: next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]
    return stem if len(stem) < _LONG_ID else ""


def _row(row: BoardRow, table: Table, figures: Sequence[ColumnFigure], *, shared: Shared) -> Json:
    """Return the data that names, filters and sorts a row."""
    cells = [row.cells[column.name] for column in table.columns]
    deltas = [None if cell.delta is None else round(cell.delta.value, _digits(cell.delta)) for cell in cells]
    found: dict[str, Json] = {
        "title": clip(row.title),
        "kind": row.kind,
        "about": _both(row.description.clipped(400)),
        "recipe": {
            name: value
            for name, value in _recipe(row).items()
            if row.kind != "variant" or shared.recipe.get(name) != value
        },
        "scores": in_hundredths([None if cell.score is None else cell.score.value for cell in cells]),
        "deltas": in_hundredths(deltas),
        "sums": [short(figure.value) for figure in figures],
    }
    if row.name != row.title:
        found["name"] = clip(row.name)
    fine: dict[str, Json] = {
        str(at): delta for at, delta in enumerate(deltas) if delta is not None and round(delta, 2) != delta
    }
    return found | ({"fine": fine} if fine else {})


def _details(
    row: BoardRow,
    table: Table,
    figures: Sequence[ColumnFigure],
    *,
    shown: Mapping[str, _Shown],
    shared: Shared,
    detail: Detail,
) -> Json:
    cells = [
        _cell(row.cells[column.name], column, shown[column.name], extremes=detail.extremes) for column in table.columns
    ]
    names = sorted({name for cell in cells for name in cell})
    found: dict[str, Json] = {
        "provenance": {
            name: value
            for name, value in _provenance(row).items()
            if row.kind != "variant" or shared.provenance.get(name) != value
        },
        "cost": {
            name: getattr(row.cost, name)
            for name in (row.cost.__slots__ if row.cost else ())
            if name != "serving" and getattr(row.cost, name) is not None
        },
        "training": _training(row.training, limit=detail.points),
        # Field by field, because equal values side by side compress best.
        "cells": {name: [cell.get(name) for cell in cells] for name in names},
        "notes": [_both(figure.note.clipped(400)) for figure in figures],
    }
    if row.trajectory:
        found["trajectory"] = _trajectory(row.trajectory)
        found["probe"] = row.probe_items
    if row.gate and row.gate.reasons:
        found["gate"] = [_both(reason.clipped(300)) for reason in row.gate.reasons]
    if row.since_baseline and row.since_baseline.reasons:
        found["since"] = [_both(reason.clipped(300)) for reason in row.since_baseline.reasons]
    if row.failure:
        found["failure"] = clip(row.failure, 600)
    if said := formed.facts(row):
        found["form"] = [[_both(name), _both(value.clipped(400))] for name, value in said]
    if row.cure:
        found["cure"] = [[_both(name), _both(value.clipped(400))] for name, value in facts(row, row.cure)]
    return found


def _cell(cell: Cell, column: TaskColumn, shown: _Shown, *, extremes: int) -> dict[str, Json]:
    if cell.status != "measured" or cell.score is None:
        return {"x": cell.status, "why": _both(cell.reason.clipped(300))}
    found: dict[str, Json] = {"s": _ends(cell.score, 10)}
    if cell.reason.en:
        found["why"] = _both(cell.reason.clipped(300))
    found |= _difference(cell)
    if cell.best or cell.tied:
        found["b"] = 1 if cell.best else 2
    if len(cell.seed_values) > 1:
        found["k"] = [round(value, 1) for value in cell.seed_values]
    if shown.metrics:
        found["m"] = [round(cell.metrics[name] * 100, 1) for name in shown.metrics]
    if cell.histogram:
        found["h"] = [round(100 * count / cell.items) for count in cell.histogram]
    if cell.worse_share is not None and cell.improved_share is not None:
        found["w"] = [round(cell.improved_share * 100), round(cell.worse_share * 100)]
    if cell.lowest and extremes:
        of_items = column.card.texts if column.card else {}
        found["lo"] = [_item(change, shown.stem, of_items) for change in cell.lowest[:extremes]]
        found["hi"] = [_item(change, shown.stem, of_items) for change in cell.highest[:extremes]]
    return found


def _both(both: Text) -> Json:
    """Return a text for the script: English and Chinese, or one string where they are the same."""
    return both.en if both.en == both.zh else [both.en, both.zh]


def _difference(cell: Cell) -> dict[str, Json]:
    found: dict[str, Json] = {}
    if cell.delta is not None:
        found["d"] = _ends(cell.delta, 10 ** _digits(cell.delta), digits=_digits(cell.delta))
        if cell.delta.digits > 1:
            found["g"] = cell.delta.digits
    if cell.p_value is not None:
        found["p"] = float(f"{cell.p_value:.2g}") if cell.p_value >= _SMALLEST_P else 0
    if cell.verdict:
        found["v"] = _VERDICTS.index(cell.verdict)
    return found


def _digits(delta: Difference) -> int:
    """Return the decimals of a difference in the data: small ones are drawn in hundredths, or shown with more."""
    return max(2, delta.digits)


def _item(change: ItemChange, stem: str, shown: Mapping[str, str]) -> Json:
    """Return id, value, change, and the text where the user asked for texts."""
    found: list[Json] = [clip(change.item.removeprefix(stem), 48), round(change.value), round(change.delta)]
    if change.item in shown:
        found.append(clip(shown[change.item], 400))
    return found


def _ends(estimate: ShownEstimate, steps: int, *, digits: int = 2) -> Json:
    """Return the distances of an interval's ends from the figure in the row, in whole steps of a point.

    Args:
        estimate: The figure.
        steps: Steps per point.
        digits: Decimals of the figure in the row.
    """
    if estimate.low is None or estimate.high is None:
        return []
    # The script rounds the same number in the same way.
    figure = math.floor(round(estimate.value, digits) * steps + 0.5)
    return [figure - round(estimate.low * steps), round(estimate.high * steps) - figure]


def _training(seeds: Mapping[int, Sequence[TrainingPoint]], *, limit: int) -> Json:
    """Return seed → series, thinned evenly to `limit` points, the last one kept.

    The steps, and the learning rate, are those of the first seed where the others have the same.
    """
    found: dict[str, Json] = {}
    first: dict[str, Json] = {}
    for seed, points in sorted(seeds.items()):
        series = _curve(points, limit=limit)
        found[str(seed)] = {
            name: values for name, values in series.items() if name in {"loss", "margin"} or first.get(name) != values
        }
        first = first or series
    return found


def _trajectory(points: Sequence[StepPoint]) -> Json:
    """Return series of the changes in points, in the form of one seed's training curves; the reference is step 0."""
    series: dict[str, Json] = {"step": [0, *(point.step for point in points)]}
    for role in ROLES:
        changes = [point.of(role) for point in points]
        if any(change is not None for change in changes):
            values = [None if change is None else round(change.value, 2) for change in changes]
            series[f"over_steps_{role}"] = [0.0, *values]
    return {"0": series}


def _curve(points: Sequence[TrainingPoint], *, limit: int) -> dict[str, Json]:
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
