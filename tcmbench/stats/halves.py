"""Two halves of the items: a recipe is selected on one and confirmed on the other.

The best of many recipes is better on the items that it was selected on than on new ones, as its errors were selected
too (selection bias, "winner's curse": Cawley and Talbot, JMLR 2010). On items that had no part in the selection its
estimate is unbiased, and an ordinary interval holds, however many recipes were tried (data splitting: Cox, Biometrika
1975).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

import numpy as np

from tcmbench.stats.selection import in_first_half

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

Half = Literal["selection", "confirmation"]

FEW = 100
"""Below this number of clusters, halves by a bit of each hash would often be unequal: ranks of the hashes are used."""

_SALT = "half 1"


def places(clusters: Sequence[str], half: Half) -> npt.NDArray[np.int64]:
    """Return the places of the items of one half, in ascending order.

    All items of a cluster are in the same half. So are equal clusters of different tasks (the patient whose record is a
    query of retrieval and of reranking), except in tasks of fewer than `FEW` clusters, whose halves are of equal size.
    Neither the order of the items nor their values matter.

    Args:
        clusters: Cluster of each item.
        half: The half.
    """
    is_wanted = half == "selection"
    distinct = set(clusters)
    if len(distinct) >= FEW:
        return np.flatnonzero(in_first_half(clusters, salt=_SALT) == is_wanted)
    ranked = sorted(distinct, key=lambda cluster: hashlib.sha256(f"{_SALT}\n{cluster}".encode()).digest())
    first = set(ranked[: (len(ranked) + 1) // 2])
    return np.flatnonzero(np.array([(cluster in first) == is_wanted for cluster in clusters], dtype=bool))
