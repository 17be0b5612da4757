"""McNemar's exact test on the items of which one model is right and the other is wrong.

McNemar (Psychometrika 1947), by the binomial distribution. It assumes independent items; where several belong to one
patient, use the sign-flip test over clusters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tcmbench.errors import EvaluationError
from tcmbench.stats import inputs

if TYPE_CHECKING:
    import numpy.typing as npt


class McNemar(NamedTuple):
    """Items that changed from wrong to right, and from right to wrong."""

    gained: int
    """Items right now and wrong before."""

    lost: int
    """Items wrong now and right before."""

    p_value: float
    """Two-sided exact binomial p; 1 where nothing changed."""


def mcnemar(tuned: npt.ArrayLike, base: npt.ArrayLike) -> McNemar:
    """Return the test of two rows of right (the one positive value: 1, or 100 points) and wrong (0) answers.

    Raises:
        EvaluationError: More than one positive value (several seeds, or a graded metric), or different items.
    """
    now, before = inputs.rows(tuned, what="tuned"), inputs.rows(base, what="base")
    inputs.same_items(now.shape[1], before.shape[1], what="tuned")
    levels = set(np.unique(now)) | set(np.unique(before))
    if len(now) + len(before) != 2 or len(levels - {0.0}) > 1 or min(levels) < 0:
        raise EvaluationError(
            f"McNemar's test needs one seed each and items that are right or wrong, got {len(now)} and {len(before)} "
            f"seeds and values {sorted(levels)[:5]}. Use the sign-flip test."
        )
    gained = int(np.count_nonzero(now > before))
    lost = int(np.count_nonzero(now < before))
    return McNemar(gained, lost, _two_sided(gained, lost))


def _two_sided(gained: int, lost: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0
