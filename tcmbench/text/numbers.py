"""Formatting of numbers."""

from __future__ import annotations

_MOST_DIGITS = 6


def signed(value: float, digits: int = 1) -> str:
    """Return a number with a sign and a true minus; what rounds to zero has neither."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        return f"{0:.{digits}f}"
    return f"+{text}" if value > 0 else text.replace("-", "−")


def percent(value: float) -> str:
    """Return a share in percent, without decimals and with a true minus."""
    shown = f"{value:.0f}%"
    return "0%" if shown == "-0%" else shown.replace("-", "−")


def digits_of(value: float, low: float | None, high: float | None, *, least: int = 1) -> int:
    """Return the decimals of a difference and its interval: more than `least` where zero would be shown otherwise.

    An interval that excludes zero is never shown as one that touches it: `+0.04 [+0.01, +0.07]`, not `0.0 [0.0, +0.1]`.
    """
    if low is None or high is None or low <= 0 <= high:
        return least
    smallest = min(abs(end) for end in (value, low, high) if end)
    return next((n for n in range(least, _MOST_DIGITS) if float(f"{smallest:.{n}f}")), _MOST_DIGITS)
