"""The two answers of a board, as data: which variant ships (`recommend` decides, `answer` words it), what got worse."""

from __future__ import annotations

from typing import Literal

from pydantic.dataclasses import dataclass

from tcmbench.boards.cells import STRICT, ShownEstimate


@dataclass(frozen=True, slots=True, config=STRICT)
class Recommendation:
    """The answer to: which variant ships? In a set without variants: which model leads?"""

    outcome: Literal[
        "ship", "none_safe", "too_little_gain", "no_gain", "worse", "incomplete", "leads", "tied", "single",
        "unconfirmed", "none_passed",
    ]  # fmt: skip
    """ship: `row` may ship; none_safe: `row` has the largest significant gain, but doesn't pass the gate;
    too_little_gain: the same, as its gain is no larger than the gate requires; no_gain: no variant has a significant
    gain; worse: all are significantly worse; incomplete: no variant (model) has all its scores; leads: no variants,
    `row` is significantly better than all other models; tied: `row` has the largest mean, but is not; single: only
    `row` has a score on every task, so there is nothing to compare.
    Of a search, ship: `row` is confirmed; unconfirmed: `row` was selected, but fails on new items; none_passed: no
    recipe passes on the items of the selection, `row` comes nearest."""

    row: str | None = None
    """Name of the row in question."""

    ties: tuple[str, ...] = ()
    """Those that can't be told apart from it: variants that may ship, too, by gain; models by their mean."""

    better_untrained: tuple[str, ...] = ()
    """Untuned models whose gain is significantly larger, best first; the reference excluded."""

    equal_untrained: tuple[str, ...] = ()
    """Untuned models whose gain can't be told apart from it."""

    left_out: tuple[str, ...] = ()
    """Variants (models) that can't be the answer: they have no score on some task."""

    treated: str | None = None
    """Variant that gains but forgets significantly: either a cure helped it, or a cure should be tried
    (`comparison.cures.advice`)."""

    cure: str | None = None
    """Cure of it that passes the gate and keeps the gain; None where none was tried."""

    chosen_from: int = 1
    """Variants that `row` was chosen from for its gain, itself among them."""

    adjusted_gain: ShownEstimate | None = None
    """Its gain, adjusted for that choice; None where there was none."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Since:
    """The answer to: did anything get worse?"""

    failing: tuple[str, ...]
    """Models that don't pass; those no longer in the set are last."""

    models: int
    """Models with a row in the baseline."""

    unchanged: int
    """Models with exactly the same scores."""
