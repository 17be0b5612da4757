"""Numbers of the page's data in few characters: large pages hold thousands of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HALF = 36**3 // 2
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def in_hundredths(values: Sequence[float | None]) -> str:
    """Return figures, at most 233 points from zero, as three characters each: whole hundredths to the base of 36.

    They are counted from −233.28 points on; `---` stands for no figure.
    """
    return "".join("---" if value is None else _base36(round(100 * round(value, 2)) + _HALF) for value in values)


def _base36(number: int) -> str:
    if not 0 <= number < 2 * _HALF:
        raise ValueError(f"expected a figure within ±{_HALF / 100:g} points, got {(number - _HALF) / 100:g}")
    return "".join(_DIGITS[number // power % 36] for power in (1296, 36, 1))


def short(value: float | None) -> float | None:
    """Return a value that columns are sorted by, with six significant digits."""
    if value is None:
        return None
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() else rounded
