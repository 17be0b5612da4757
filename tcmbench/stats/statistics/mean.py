"""The mean of the metric over items: nDCG over queries, accuracy over texts, V-measure over experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.stats.paired import bootstrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from tcmbench.stats.draws import Draws
    from tcmbench.stats.inputs import FloatArray
    from tcmbench.stats.resampling import Resampling

VALUES = ""
GOLD = ""
STEP = 1e-3
HAS_ITEM_SCORES = True


def value(values: FloatArray, gold: FloatArray | None) -> float:
    """Return the mean over all items, summed in their order."""
    del gold
    return float(sum(values.tolist()) / len(values))


def draws(
    models: Mapping[str, npt.ArrayLike], gold: npt.ArrayLike | None, *, clusters: Sequence[str] | None, plan: Resampling
) -> Draws:
    """Return the mean of every model in every resample, in points."""
    del gold
    return bootstrap(models, clusters=clusters, plan=plan)
