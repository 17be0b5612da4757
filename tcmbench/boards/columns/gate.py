"""What the regression gate says: may this variant ship?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.columns import NOT_TRAINED, Figure, Heading, nothing
from tcmbench.boards.texts import Text

if TYPE_CHECKING:
    from tcmbench.boards.table import Row

HEADING = Heading(
    position=5,
    en="Gate",
    zh="门禁",
    help_en="What the regression gate says with the policy at the foot of the page: pass, fails (harm is shown), "
    "unsure (harm is not ruled out), or missing (not everything is measured).",
    help_zh="按页脚所述规则的回归门禁结论：通过；未通过（确有损害）；未定（不能排除损害）；缺失（测量不完整）。",
    better="higher",
)
_SAID = {
    "pass": (3.0, Text("pass", "通过")),
    "inconclusive": (2.0, Text("unsure", "未定")),
    "regression": (1.0, Text("fails", "未通过")),
    "missing": (0.0, Text("missing", "缺失")),
}


def figure(row: Row) -> Figure:
    """Return the outcome, with the first rule that is not met as the note."""
    if row.gate is None:
        return nothing(NOT_TRAINED)
    value, said = _SAID[row.gate.outcome]
    return Figure(value=value, text=said, note=row.gate.reasons[0].clipped(130) if row.gate.reasons else Text("", ""))
