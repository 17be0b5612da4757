"""Formatting of numbers."""

from __future__ import annotations


def signed(value: float, digits: int = 1) -> str:
    """Return a number with a sign and a true minus; what rounds to zero has neither."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        return f"{0:.{digits}f}"
    return f"+{text}" if value > 0 else text.replace("-", "−")
