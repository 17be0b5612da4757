"""What the panel of a cure states: its formula with the source, what it is made from, and what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.cured import interval
from tcmbench.boards.texts import Text, load, same, text
from tcmbench.text.numbers import percent

if TYPE_CHECKING:
    from tcmbench.boards.cells import ShownEstimate
    from tcmbench.boards.cured import CureEffect
    from tcmbench.boards.table import BoardRow


def formula(row: BoardRow) -> Text | None:
    """Return name and source of a cure's formula; None for other rows, and for cures of other packages."""
    key = f"cures.{row.recipe.get('cure')}"
    return load().get(key) if row.cure else None


def facts(row: BoardRow, cure: CureEffect) -> list[tuple[Text, Text]]:
    """Return what the panel of a cure states: its formula with the source, its inputs, and both shares."""
    known = formula(row)
    return [
        *([(text("cure.formula"), known)] if known else []),
        *([(text("cure.made_from"), same(", ".join(cure.of)))] if cure.of else []),
        *([(text("cure.compared_with"), same(", ".join(cure.untreated)))] if cure.of != cure.untreated else []),
        (text("cure.gain_kept"), _in_words(cure.gain_kept, cure.gain_kept_reason)),
        (text("cure.forgetting_undone"), _in_words(cure.forgetting_undone, cure.forgetting_undone_reason)),
        *([(text("cure.general"), text("cure.unmeasured", row=name))] if (name := cure.same_general_as) else []),
    ]


def _in_words(share: ShownEstimate | None, reason: Text) -> Text:
    """Return a share in percent with its interval, or why it is not defined."""
    if share is None:
        return _undefined(reason)
    return same(f"{percent(share.value)}{interval(share)}")


def _undefined(reason: Text) -> Text:
    said = text("cure.undefined")
    return Text(f"{said.en}: {reason.en}", f"{said.zh}：{reason.zh}")
