"""Checks of input arrays: a missing score must stop a comparison, not bias it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tcmbench.errors import EvaluationError, NoInterval, ScoreMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Clusters(NamedTuple):
    """Groups of items that are resampled together."""

    codes: IntArray
    """Cluster of each item, numbered from 0 by first occurrence."""

    number: int
    """Number of clusters."""

    @property
    def are_single_items(self) -> bool:
        """Whether every item is its own cluster."""
        return self.number == len(self.codes)


def rows(values: npt.ArrayLike, *, what: str) -> FloatArray:
    """Return values as seeds × items; one row of items becomes one seed.

    Raises:
        EvaluationError: Not one or two axes, no items or no seeds.
        ScoreMissing: A value is NaN or infinite.
    """
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2 or 0 in array.shape:
        raise EvaluationError(
            f"{what}: expected items, or seeds × items, at least one of each; got shape {array.shape}"
        )
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        seed, item = (int(place) for place in bad[0])
        raise ScoreMissing(
            f"{what}: {len(bad)} of {array.size} scores are missing or infinite, the first at item {item} of seed row "
            f"{seed}. A missing score is never counted as zero: measure the task again."
        )
    return array


def row(values: npt.ArrayLike, *, what: str) -> FloatArray:
    """Return values as one row of items; several seeds become their mean, item by item."""
    return np.asarray(rows(values, what=what).mean(axis=0), dtype=np.float64)


def same_items(count: int, expected: int, *, what: str) -> None:
    """Check that two arrays are over equally many items.

    Raises:
        EvaluationError: They aren't, so they can't be paired.
    """
    if count != expected:
        raise EvaluationError(
            f"{what}: {count} items where {expected} were expected. Paired statistics need the same items in the same "
            "order: measure both models on the same data."
        )


def clusters(
    ids: Sequence[object] | npt.NDArray[np.generic] | None, *, items: int, what: str = "clusters", least: int = 2
) -> Clusters:
    """Return the clusters of items; without ids each item is one.

    Raises:
        EvaluationError: Not one id an item.
        NoInterval: Fewer clusters than `least`, two or more: the spread between one patient and no other cannot be
            known, and an interval would claim it is zero.
    """
    if ids is None:
        codes, count = np.arange(items, dtype=np.int64), items
    else:
        same_items(len(ids), items, what=what)
        numbers: dict[object, int] = {}
        listed = ids.tolist() if isinstance(ids, np.ndarray) else ids
        codes = np.fromiter((numbers.setdefault(i, len(numbers)) for i in listed), dtype=np.int64, count=items)
        count = len(numbers)
    if count < least:
        raise NoInterval(
            f"{what}: {items} item(s) in {count} cluster(s); an interval needs at least {least} independent clusters. "
            "Measure on more items."
        )
    return Clusters(codes, count)
