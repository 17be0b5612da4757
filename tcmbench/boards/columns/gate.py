"""Verdict of the regression gate: may this variant ship?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_TRAINED, ColumnFigure, Heading, gate_figure, nothing

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=32,
    en="Gate",
    zh="门禁",
    help_en="Verdict of the regression gate within the limits above: pass, fails (harm is shown), "
    "too little gain (no harm is shown, but the gain is no larger than required), unsure (harm, or too little gain, "
    "is not ruled out), or missing (not everything is measured).",
    help_zh="按上述限度的回归门禁结论：通过；未通过（确有损害）；增益不足（未见损害，但增益未超过要求）；未定（不能排除损害或增益不足）；缺失（测量不完整）。",
    better="higher",
)


def figure(row: BoardRow) -> ColumnFigure:
    """Return the outcome, with the first rule that is not met as the note."""
    return gate_figure(row.gate) if row.gate else nothing(NOT_TRAINED)
