"""Shared by statistics that are not a mean: items in the order of their values, and ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tcmbench.stats.inputs import FloatArray, IntArray


class Ordered(NamedTuple):
    """Items sorted by value."""

    order: IntArray
    ends: IntArray
    """Last position of each value."""


def ordered(values: FloatArray) -> Ordered:
    """Return the items from the lowest value up."""
    order = np.argsort(values, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(values[order]) != 0), len(values) - 1)
    return Ordered(order.astype(np.int64), ends.astype(np.int64))


def ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Return the ratio of each resample; NaN where the statistic does not exist in it."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
