"""What a cure does to the variants that it is made from, as shown on a board; part of the schema of `scores.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field
from pydantic.dataclasses import dataclass

from tcmbench.boards.cells import STRICT, English, ShownEstimate
from tcmbench.boards.texts import Text, text
from tcmbench.text.numbers import percent

if TYPE_CHECKING:
    from tcmbench.comparison.cures import Effect, WhyNot
    from tcmbench.stats.estimates import Estimate


@dataclass(frozen=True, slots=True, config=STRICT)
class CureEffect:
    """A cure compared with the variants that it is made from, in percent, paired over items."""

    of: tuple[str, ...]
    """Models that it is made from: variants, or other cures; empty for a cure during training."""

    untreated: tuple[str, ...]
    """Variants behind them; of several, the shares are of their mean."""

    gain_kept: ShownEstimate | None = None
    """Gain as a share of the untreated variant's: 100 keeps all of it; None where that is not defined."""

    gain_kept_reason: English = Field(default=Text("", ""))
    """Why the share is not defined."""

    forgetting_undone: ShownEstimate | None = None
    """1 minus the ratio of the backward transfers: 100 forgets nothing, 0 as much as the untreated variant."""

    forgetting_undone_reason: English = Field(default=Text("", ""))
    """Why it is not defined."""

    same_general_as: str = ""
    """Row that it is made from with the same values on all general tasks: none reads what the cure has changed, so
    forgetting by it isn't measured; empty where one does."""


def effect_of(of: tuple[str, ...], effect: Effect, *, same_general_as: str = "") -> CureEffect:
    """Return a cure's effect as shown, each share with its interval or the reason why there is none."""
    kept, undone = effect.gain_kept, effect.forgetting_undone
    shares = (_shown(kept), _reason(kept), _shown(undone), _reason(undone))
    return CureEffect(of, effect.untreated, *shares, same_general_as)


def interval(share: ShownEstimate) -> str:
    """Return the interval of a share in percent, with a space before it; nothing where there is none."""
    return "" if share.low is None or share.high is None else f" [{percent(share.low)}, {percent(share.high)}]"


def _shown(share: Estimate | WhyNot) -> ShownEstimate | None:
    return None if isinstance(share, str) else ShownEstimate(share.value, share.interval.low, share.interval.high)


def _reason(share: Estimate | WhyNot) -> Text:
    return text(f"cure.{share}") if isinstance(share, str) else Text("", "")
