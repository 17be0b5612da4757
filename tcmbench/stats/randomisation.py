"""The paired randomisation test: under the null hypothesis the sign of each difference is random.

Fisher, "The Design of Experiments" (1935), §21; for rankings: Smucker, Allan and Carterette, CIKM 2007. Differences of
one cluster (one patient) flip together. The test adds one to both counts (Phipson and Smyth, 2010), so that p is never
0; where all possible flips are fewer than the random ones would be, all are computed and p is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tcmbench.stats import inputs
from tcmbench.stats.resampling import Resampling, cluster_sums, sign_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tcmbench.stats.inputs import FloatArray

_DEFAULT = Resampling()
_EXACT_BELOW = 20


def sign_flip(
    deltas: npt.ArrayLike,
    *,
    clusters: Sequence[object] | npt.NDArray[np.generic] | None = None,
    plan: Resampling = _DEFAULT,
) -> FloatArray:
    """Return the two-sided p value of each row of differences: the share of flips whose |sum| reaches the observed.

    Args:
        deltas: Differences of items, or models × items; all models share the flips.
        clusters: Cluster of each item.
        plan: Number of random flips; the smallest p is 1 / (1 + n_resamples).

    Raises:
        EvaluationError: No items, or fewer than two clusters.
        ScoreMissing: A difference is NaN.
    """
    values = inputs.rows(deltas, what="differences")
    groups = inputs.clusters(clusters, items=values.shape[1])
    sums = cluster_sums(values.T, groups)
    observed = np.abs(sums.sum(axis=0))
    # Half a step of the grid per summand: sums that are equal before rounding count as equal.
    reached = observed - _slack(sums)
    if groups.number < _EXACT_BELOW and 2**groups.number <= plan.n_resamples:
        return _exact(sums, reached)
    hits = np.zeros(values.shape[0], dtype=np.int64)
    for signs in sign_blocks(groups.number, plan):
        hits += np.count_nonzero(np.abs(signs @ sums) >= reached, axis=0)
    return np.asarray((1 + hits) / (1 + plan.n_resamples), dtype=np.float64)


def _exact(sums: FloatArray, reached: FloatArray) -> FloatArray:
    number = np.arange(2 ** len(sums), dtype=np.int64)
    signs = np.where((number[:, None] >> np.arange(len(sums))) & 1, 1.0, -1.0)
    return np.asarray((np.abs(signs @ sums) >= reached).mean(axis=0), dtype=np.float64)


def _slack(sums: FloatArray) -> FloatArray:
    largest = np.abs(sums).max(axis=0) * len(sums)
    return np.asarray(largest * len(sums) * 2.0**-52, dtype=np.float64)
