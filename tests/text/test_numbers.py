"""Numbers as text."""

from __future__ import annotations

import pytest

from tcmbench.text.numbers import signed


@pytest.mark.parametrize(("value", "shown"), [(0.04, "0.0"), (-0.04, "0.0"), (1.26, "+1.3"), (-1.26, "−1.3")])
def test_signed(value: float, shown: str) -> None:
    """Zero has no sign, and minus is a true minus."""
    assert signed(value) == shown
