"""Whether a form is as good as the model that it is a form of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_A_FORM, ColumnFigure, Heading, gate_figure, nothing

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=36,
    en="As good",
    zh="同样好",
    help_en="Of a form: whether it is no worse than its model by the rules for forms: pass, fails (harm is "
    "shown), or unsure (harm is not ruled out).",
    help_zh="部署形式按其规则是否不劣于原模型：通过；未通过（确有损害）；未定（不能排除损害）。",
    better="higher",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the outcome, with the first rule that is not met as the note."""
    return gate_figure(row.form.gate) if row.form else nothing(NOT_A_FORM)
