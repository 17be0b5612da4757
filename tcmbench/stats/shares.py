"""A change as a share of another change on the same items, such as the gain that a cure keeps.

A share is a ratio of two means that are drawn together. Such a ratio has a bounded interval only where its denominator
is significantly away from zero (Fieller 1954): for a denominator that may be zero, every share is possible. Elsewhere
the percentile interval of the ratio in every resample is used. Where all denominators drawn have one sign, it is the
set of shares s for which the interval of numerator − s × denominator contains zero: Fieller's set, by the bootstrap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tcmbench.errors import EvaluationError
from tcmbench.stats.estimates import LEVEL, Estimate, percentile

if TYPE_CHECKING:
    from tcmbench.stats.draws import Draws
    from tcmbench.stats.inputs import FloatArray


def share(draws: Draws, treated: str, untreated: tuple[str, ...], *, base: str, level: float = LEVEL) -> Estimate:
    """Return (treated − base) / (mean of untreated − base) with its interval; 1 is all of it.

    Args:
        draws: All models over the same items.
        treated: Model of the numerator.
        untreated: Models whose mean is in the denominator.
        base: Model that both are compared with.
        level: Coverage.

    Raises:
        EvaluationError: The denominator is not significantly away from zero: look at `change` first.
        NoInterval: The statistic doesn't exist in too many resamples.
    """
    below = change(draws, untreated, base=base, level=level)
    if below.interval.holds(0.0):
        raise EvaluationError(f"a share of {below.value:g} is not defined: the interval of that change contains zero")
    above = draws.value(treated) - draws.value(base)
    ratios = draws.differences(treated, base) / _changes(draws, untreated, base)
    return Estimate(above / below.value, percentile(ratios, level=level, tasks=draws.tasks))


def change(draws: Draws, models: tuple[str, ...], *, base: str, level: float = LEVEL) -> Estimate:
    """Return the mean change of models from the base, with its interval.

    Raises:
        NoInterval: The statistic doesn't exist in too many resamples.
    """
    value = float(np.mean([draws.value(name) for name in models])) - draws.value(base)
    return Estimate(value, percentile(_changes(draws, models, base), level=level, tasks=draws.tasks))


def _changes(draws: Draws, models: tuple[str, ...], base: str) -> FloatArray:
    changes: FloatArray = np.mean([draws.differences(name, base) for name in models], axis=0)
    return changes
