"""The columns of a board: one per task of the suite, with its size and its card."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench.boards import details
from tcmbench.boards.table import TaskColumn
from tcmbench.boards.texts import both, same, text
from tcmbench.specs.suite import ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.comparison.measured import MeasuredSet
    from tcmbench.records.entry import TaskCard


def task_columns(measured: MeasuredSet, cards: Mapping[str, TaskCard]) -> tuple[TaskColumn, ...]:
    """Return the columns of a suite by role, with what was measured on them and their cards."""
    columns = []
    for task in sorted(measured.columns, key=lambda task: ROLES.index(task.role)):
        name = task.column
        card = cards.get(name)
        column = TaskColumn(
            name=name,
            title=task.title or name,
            title_zh=task.title_zh,
            limit=task.limit and measured.suite.limit_of(task),
            task=task.task,
            split=task.split,
            role=task.role,
            synthetic=measured.suite.synthetic or bool(card and card.synthetic),
            card=card,
            description=both(card.description, card.description_zh) if card else same(""),
            source=card.source if card else "",
            license=card.license if card else "unknown",
        )
        model = next((model for model in measured.models if name in model.items), None)
        if model is not None:
            record, items = model.entry.scores[name][0].record, model.items[name]
            column = replace(
                column,
                metric=record.metric,
                task_type=record.task_type,
                revision=record.task_revision,
                items=len(items.ids),
                clusters=len(set(items.clusters)),
                slice_sizes=details.slice_sizes(items, card),
            )
        columns.append(_sampled(column, record.sampled_from if model else None))
    return tuple(columns)


def _sampled(column: TaskColumn, of: int | None) -> TaskColumn:
    """Return a column whose title names the size of its sample.

    Args:
        column: The column.
        of: Queries, pairs or texts of the whole task; None where that isn't known.
    """
    if column.limit is None or (of is not None and of <= column.limit):
        return column
    key, sizes = ("tasks.limited", {}) if of is None else ("tasks.sampled", {"of": f"{of:,}"})
    en, zh = (text(key, title=title, kept=f"{column.limit:,}", **sizes) for title in column.titles)
    return replace(column, title=en.en, title_zh=zh.zh)
