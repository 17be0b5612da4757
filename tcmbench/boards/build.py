"""From entries to the table: pairs every model with the reference, item by item, and sums rows up.

The order of the entries does not matter: rows are sorted by what they reached, then by name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tcmbench.boards import details
from tcmbench.boards.comparison import Comparer
from tcmbench.boards.recommend import common_means, recommend
from tcmbench.boards.table import Cell, Row, Table, TaskColumn
from tcmbench.boards.texts import text
from tcmbench.errors import NotComparable, ScoreMissing
from tcmbench.records import items as item_tables
from tcmbench.records.entry import CellState, Entry, TaskCard
from tcmbench.specs.suite import ROLES
from tcmbench.stats.policy import Policy
from tcmbench.store import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tcmbench.records.items import Items
    from tcmbench.records.score import Score
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.suite import Suite

_UNKNOWN = CellState("not_measured")


@dataclass(frozen=True, slots=True)
class Options:
    """How a board is worked out."""

    policy: Policy = field(default_factory=Policy)
    """Rules of the gate, which decide what may ship; also the resamples behind every interval, and their seed."""

    cards: Mapping[str, TaskCard] = field(default_factory=dict)
    """Column → what is known about the data."""

    command: str = ""
    """How the board is made again; empty takes `tcmbench board SET`."""


def build(model_set: ModelSet, suite: Suite, entries: Sequence[Entry], *, options: Options | None = None) -> Table:
    """Return the table of a set.

    Args:
        model_set: The set: name, title and which row is the reference.
        suite: The suite: columns and their roles.
        entries: One per model, in any order.
        options: How intervals are made, what may be lost, and the cards of the tasks.

    Raises:
        ScoreMissing: The reference is not among the entries.
        NotComparable: Two models of a column were measured on different data, prompts or candidates.
    """
    options = options or Options()
    entries = sorted(entries, key=lambda entry: entry.name)
    if model_set.reference not in {entry.name for entry in entries}:
        raise ScoreMissing(
            f"set {model_set.name}: no entry for the reference {model_set.reference!r}. Run the set first."
        )
    items = {
        entry.name: {name: item_tables.read(scores) for name, scores in entry.scores.items() if scores}
        for entry in entries
    }
    columns = _columns(suite, entries, items, options)
    comparer = Comparer(columns, items, reference=model_set.reference, policy=options.policy)
    rows = [_row(entry, columns, items, comparer, model_set.reference) for entry in entries]
    rows = _slice(rows, columns, items, comparer, options)
    rows = _mark_best(rows, columns, comparer)
    rows = _rank(rows, comparer)
    return Table(
        name=model_set.name,
        title=model_set.title or model_set.name,
        description=model_set.description,
        suite=suite.name,
        suite_description=suite.description,
        synthetic=suite.synthetic,
        reference=model_set.reference,
        columns=columns,
        rows=tuple(sorted(rows, key=_order(rows))),
        recommendation=recommend(rows, tied=comparer.gain_tied),
        policy=options.policy,
        command=options.command or f"tcmbench board {model_set.name}",
        digest=_digest(model_set, suite, entries),
    )


def _columns(
    suite: Suite, entries: Sequence[Entry], items: Mapping[str, Mapping[str, Items]], options: Options
) -> tuple[TaskColumn, ...]:
    columns = []
    for task in sorted(suite.tasks, key=lambda task: ROLES.index(task.role)):
        name = task.column
        measured = [entry for entry in entries if entry.scores.get(name)]
        _require_one_revision(name, measured)
        card = options.cards.get(name)
        column = TaskColumn(
            name=name,
            title=task.title or name,
            task=task.task,
            split=task.split,
            role=task.role,
            synthetic=suite.synthetic or bool(card and card.synthetic),
            card=card,
        )
        if measured:
            record = measured[0].scores[name][0].record
            first = items[measured[0].name][name]
            column = replace(
                column,
                metric=record.metric,
                task_type=record.task_type,
                revision=record.task_revision,
                items=len(first.ids),
                clusters=len(set(first.clusters)),
                slice_sizes=details.slice_sizes(first, card),
            )
        columns.append(column)
    return tuple(columns)


def _require_one_revision(name: str, measured: Sequence[Entry]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for entry in measured:
        for score in entry.scores[name]:
            seen.setdefault((score.record.task_revision, score.record.metric), score.record.model)
    if len(seen) > 1:
        told = "; ".join(f"{model}: {metric} at revision {revision}" for (revision, metric), model in seen.items())
        raise NotComparable(f"column {name}: expected one revision and metric, found {told}. Measure the models again.")


def _row(
    entry: Entry,
    columns: Sequence[TaskColumn],
    items: Mapping[str, Mapping[str, Items]],
    comparer: Comparer,
    reference: str,
) -> Row:
    cells = {}
    for column in columns:
        scores = entry.scores.get(column.name, ())
        if not scores:
            cells[column.name] = _empty(entry, column.name)
            continue
        own = items[entry.name][column.name]
        base = items[reference].get(column.name) if entry.name != reference else None
        found = details.details(own, base)
        cells[column.name] = replace(
            _measured(scores, own),
            score=comparer.score(entry.name, column.name),
            histogram=found.histogram,
            lowest=found.lowest,
            highest=found.highest,
            confusions=found.confusions,
        )
    judged = comparer.judge(entry.name, cells, variant=entry.kind == "variant")
    trained = max((len(scores) for scores in entry.scores.values()), default=0)
    return Row(
        name=entry.name,
        title=entry.title or entry.name,
        kind=entry.kind,
        base=entry.base,
        description=entry.description,
        is_reference=entry.name == reference,
        cells=judged.cells,
        aggregates=judged.aggregates,
        gate=judged.gate,
        seeds=trained if entry.kind == "variant" else 0,
        recipe=entry.recipe,
        cost=entry.cost,
        training=entry.training,
        failure=entry.failure,
        provenance=entry.provenance,
    )


def _empty(entry: Entry, column: str) -> Cell:
    state = entry.states.get(column)
    if state is None:
        state = CellState("failed", entry.failure) if entry.failure else _UNKNOWN
    return Cell(status=state.state, reason=state.reason or default_reason(state))


def default_reason(state: CellState) -> str:
    """Return why a cell has no score where nobody says so."""
    return text(f"reasons.{state.state}").en


def _measured(scores: Sequence[Score], items: Items) -> Cell:
    names = set.intersection(*(set(score.record.metrics) for score in scores))
    return Cell(
        status="measured",
        items=len(items.ids),
        seed_values=tuple(score.record.value * 100 for score in scores),
        metrics={name: sum(score.record.metrics[name] for score in scores) / len(scores) for name in sorted(names)},
        revision=scores[0].record.task_revision,
    )


def _slice(
    rows: Sequence[Row],
    columns: Sequence[TaskColumn],
    items: Mapping[str, Mapping[str, Items]],
    comparer: Comparer,
    options: Options,
) -> list[Row]:
    """Return the rows with the slices of the first in-domain task that is a mean and has any: the one that is drawn."""
    column = next((c for c in columns if c.role == "in_domain" and c.slice_sizes), None)
    if column is None:
        return list(rows)
    first = next(found[column.name] for found in items.values() if column.name in found)
    found = comparer.slices(column.name, details.slicings(first, options.cards.get(column.name)))
    return [
        replace(row, cells={**row.cells, column.name: replace(row.cells[column.name], slices=found[row.name])})
        if row.name in found
        else row
        for row in rows
    ]


def _mark_best(rows: Sequence[Row], columns: Sequence[TaskColumn], comparer: Comparer) -> list[Row]:
    marked = {row.name: dict(row.cells) for row in rows}
    for column in columns:
        measured = [row for row in rows if row.cells[column.name].score is not None]
        if not measured:
            continue
        best = max(measured, key=lambda row: (_value(row.cells[column.name]), row.name))
        for row in measured:
            cell = row.cells[column.name]
            top = _value(cell) == _value(best.cells[column.name])
            tied = not top and comparer.tied(best.name, row.name, column.name)
            marked[row.name][column.name] = replace(cell, best=top, tied=tied)
    return [replace(row, cells=marked[row.name]) for row in rows]


def _rank(rows: Sequence[Row], comparer: Comparer) -> list[Row]:
    borda = comparer.borda(rows)
    front = comparer.front(rows)
    ranks = comparer.rank_ranges(rows)
    return [
        replace(
            row,
            aggregates=replace(
                row.aggregates, ranks=ranks.get(row.name), borda=borda.get(row.name), on_front=row.name in front
            ),
        )
        for row in rows
    ]


def _value(cell: Cell) -> float:
    return cell.score.value if cell.score is not None else float("-inf")


def _order(rows: Sequence[Row]) -> Callable[[Row], tuple[int, float, str]]:
    """Return where rows stand: the reference, variants by gain, others by mean score; without either comes last."""
    _, means = common_means(rows)

    def place(row: Row) -> tuple[int, float, str]:
        if row.is_reference:
            return (0, 0.0, row.name)
        if row.kind == "variant":
            sums = row.aggregates
            # a suite of general tasks alone has no gain to go by
            gained = sums.gain if sums.gain_role else sums.general
            return (1, float("inf") if gained is None else -gained.value, row.name)
        return (2, -means.get(row.name, float("-inf")), row.name)

    return place


def _digest(model_set: ModelSet, suite: Suite, entries: Sequence[Entry]) -> str:
    """Return the sha256 over what was measured: not over titles, intervals or looks."""
    scores = [
        [entry.name, column, s.record.model_revision, s.record.task_revision, s.record.metric, s.record.value]
        for entry in entries
        for column, found in sorted(entry.scores.items())
        for s in found
    ]
    stated = [model_set.name, model_set.reference, suite.name, [[t.column, t.role] for t in suite.tasks]]
    return hashlib.sha256(canonical_json([stated, scores]).encode()).hexdigest()  # type: ignore[list-item]
