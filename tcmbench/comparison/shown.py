"""Figures of a comparison as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.text.numbers import digits_of, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.stats.estimates import Estimate

NOTHING = "–"


def change(estimate: Estimate | None) -> str:
    """Return a change with its interval: `−1.20 [−1.90, −0.50]`."""
    if estimate is None:
        return NOTHING
    if estimate.value == estimate.interval.low == estimate.interval.high == 0:
        return "0"
    low, high, _ = estimate.interval
    digits = digits_of(estimate.value, low, high, least=2)
    return f"{signed(estimate.value, digits)} [{signed(low, digits)}, {signed(high, digits)}]"


def p_value(value: float) -> str:
    """Return a p value to three decimals; smaller ones as `<0.001`."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], *, indent: str = "  ") -> list[str]:
    """Return the lines of a table in plain text, columns as wide as their widest cell."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in [head, *rows]
    ]
