"""Whether a model got worse since the baseline: the gate against its own earlier scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import ColumnFigure, Heading, gate_figure, nothing
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow

HEADING = Heading(
    position=34,
    en="Since baseline",
    zh="较基线",
    help_en="Verdict of the regression gate on the model against its own row in the set's baseline: same (exactly the "
    "same scores), pass, fails, unsure, missing, or not comparable.",
    help_zh="回归门禁将模型与其在本集合基线中的记录相比的结论：相同（分数完全一致）；通过；未通过；未定；缺失；不可比较。",
    better="higher",
)
_NO_ROW = Text("the set has no baseline, or the model no row in it", "本集合没有基线，或基线中没有该模型")
_SAME = Text("same", "相同")


def figure(row: BoardRow) -> ColumnFigure:
    """Return the outcome, with the first rule that is not met as the note."""
    outcome = row.since_baseline
    if outcome is None:
        return nothing(_NO_ROW)
    return gate_figure(outcome) if outcome.changed or not outcome.passed else ColumnFigure(value=4.0, text=_SAME)
