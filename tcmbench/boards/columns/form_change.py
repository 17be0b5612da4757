"""Change of a form from the model that it is a form of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_A_FORM, ColumnFigure, Heading, nothing
from tcmbench.boards.texts import same
from tcmbench.text.numbers import signed

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=35,
    en="Δ model",
    zh="较原模型",
    help_en="Of a form: mean change over all tasks from the model that it is a form of, in points, on the same items.",
    help_zh="部署形式相对其原模型的全部任务平均变化（分），相同条目逐条配对。",
    better="higher",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the mean change with its interval, or why there is none."""
    if row.form is None or row.form.change is None:
        return nothing(NOT_A_FORM)
    change = row.form.change
    return ColumnFigure(change.value, same(signed(change.value, change.digits)), change)
