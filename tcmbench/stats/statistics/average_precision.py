"""Average precision of similarities against a binary gold: Σ (recall step × precision), as in scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tcmbench.stats import inputs
from tcmbench.stats.ordered import ordered, ratio
from tcmbench.stats.paired import bootstrap_statistic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.stats.drawn import CountArray, Drawn, ItemStatistic
    from tcmbench.stats.draws import Draws
    from tcmbench.stats.inputs import FloatArray
    from tcmbench.stats.ordered import Ordered
    from tcmbench.stats.resampling import Resampling

VALUES = "similarity"
GOLD = "gold"
STEP = 1e-5
HAS_ITEM_SCORES = False


class _Step(NamedTuple):
    """Items between one threshold with a positive and the next."""

    negatives: list[int]
    positives: list[int]


def value(values: FloatArray, gold: FloatArray) -> float:
    """Return the average precision over all items."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(gold, values))


def draws(
    models: Mapping[str, npt.ArrayLike], gold: npt.ArrayLike | None, *, clusters: Sequence[str] | None, plan: Resampling
) -> Draws:
    """Return the average precision of every model in every resample, in points."""
    of_items = inputs.row([] if gold is None else gold, what="gold")
    prepared = {name: [prepare(seed, of_items) for seed in inputs.rows(v, what=name)] for name, v in models.items()}
    return bootstrap_statistic(prepared, items=len(of_items), clusters=clusters, plan=plan, scale=100.0)


def prepare(values: npt.ArrayLike, gold: npt.ArrayLike) -> ItemStatistic:
    """Return the average precision as a function of the counts: over falling thresholds, equal scores at once."""
    scores, positive = inputs.row(values, what="similarities"), inputs.row(gold, what="gold") > 0
    inputs.same_items(len(scores), len(positive), what="similarities")
    steps = _recall_steps(ordered(-scores), positive)

    def statistic(drawn: Drawn) -> FloatArray:
        rows = drawn.rows
        retrieved, hits = np.zeros((2, len(drawn.total)), dtype=drawn.by_item.dtype)
        area = np.zeros(len(drawn.total))
        for step in steps:
            for item in step.negatives:
                np.add(retrieved, rows[item], retrieved)
            drawn_hits = _row_sum(rows, step.positives)
            retrieved += drawn_hits
            hits += drawn_hits
            area += drawn_hits * hits / np.maximum(retrieved, 1)
        return ratio(area, hits.astype(np.float64))

    return statistic


def _recall_steps(ordered: Ordered, positive: npt.NDArray[np.bool_]) -> list[_Step]:
    """Return the items that each threshold with a positive adds; those after the last don't matter."""
    steps: list[_Step] = []
    order, hit = ordered.order.tolist(), positive[ordered.order].tolist()
    negatives: list[int] = []
    start = 0
    for end in (ordered.ends + 1).tolist():
        positives = [order[place] for place in range(start, end) if hit[place]]
        negatives += [order[place] for place in range(start, end) if not hit[place]]
        start = end
        if positives:
            steps.append(_Step(negatives, positives))
            negatives = []
    return steps


def _row_sum(rows: Sequence[CountArray], items: Sequence[int]) -> CountArray:
    total = rows[items[0]]
    for item in items[1:]:
        total = total + rows[item]
    return total
