"""What Hypothesis draws: scores in points, with the ties and zeros that real ones have."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

points = st.one_of(st.sampled_from([0.0, 100.0, 63.0929753571, 50.0, 38.6852807235]), st.floats(0, 100, width=32))


@st.composite
def pairs(draw: st.DrawFn, *, least: int = 6, most: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Two models over the same items."""
    count = draw(st.integers(least, most))
    row = hnp.arrays(np.float64, count, elements=points)
    return draw(row), draw(row)


p_values = hnp.arrays(np.float64, st.integers(1, 12), elements=st.floats(0, 1))
