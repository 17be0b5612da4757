"""Rankings of models: Borda points, Pareto front, ties and rank intervals.

Borda (1781); for tables of tasks: Colombo et al., "What are the best Systems? New Perspectives on NLP Benchmarking"
(NeurIPS 2022).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.errors import NoInterval
from tcmbench.stats import inputs
from tcmbench.stats.estimates import LEVEL

if TYPE_CHECKING:
    import numpy.typing as npt

    from tcmbench.stats.draws import Draws
    from tcmbench.stats.inputs import FloatArray


def borda(scores: npt.ArrayLike) -> FloatArray:
    """Return each model's share of the Borda points (0–1) from models × tasks of scores.

    On each task a model gets one point per model below it and half a point per equal one; 1: first on all tasks.
    A single model gets 1. Only the order of scores within a task matters.
    """
    table = inputs.rows(np.asarray(scores, dtype=np.float64), what="scores of models × tasks")
    if len(table) == 1:
        return np.ones(1)
    points = (table[:, None] > table).sum(axis=1) + ((table[:, None] == table).sum(axis=1) - 1) / 2
    return np.asarray(points.mean(axis=1) / (len(table) - 1), dtype=np.float64)


def on_front(gain: npt.ArrayLike, backward_transfer: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which models are on the Pareto front: none is at least as good in both figures and better in one.

    Equal models are all on the front or all off it. Intervals don't matter.
    """
    x, y = inputs.row(gain, what="gain"), inputs.row(backward_transfer, what="backward transfer")
    inputs.same_items(len(x), len(y), what="gain")
    as_good = (x[None, :] >= x[:, None]) & (y[None, :] >= y[:, None])
    better = (x[None, :] > x[:, None]) | (y[None, :] > y[:, None])
    return np.asarray(~(as_good & better).any(axis=1), dtype=np.bool_)


def tied(draws: Draws, one: str, other: str, *, level: float = LEVEL, equivalence: float = 0.0) -> bool:
    """Return whether two models can't be told apart, or differ by less than counts.

    They are tied where the interval of their difference holds zero, lies within ±equivalence, or doesn't exist.
    """
    return one == other or _better(draws, one, other, level, equivalence) is None


def rank_ranges(draws: Draws, *, level: float = LEVEL, equivalence: float = 0.0) -> dict[str, tuple[int, int]]:
    """Return the best and the worst rank that each model may have; ranks of tied models overlap.

    A model ranks behind those that are significantly better, and before those that are significantly worse, each by the
    paired interval of the difference (Chiang et al., "Chatbot Arena", ICML 2024, whose rank is the first of the two).
    Ties are not transitive: the first may be tied with the second, the second with the third, and the first be better
    than the third.
    """
    best = dict.fromkeys(draws.names, 1)
    worst = dict.fromkeys(draws.names, len(draws.names))
    for one, other in combinations(draws.names, 2):
        upper = _better(draws, one, other, level, equivalence)
        if upper is not None:
            lower = other if upper == one else one
            best[lower] += 1
            worst[upper] -= 1
    return {name: (best[name], worst[name]) for name in draws.names}


def _better(draws: Draws, one: str, other: str, level: float, equivalence: float) -> str | None:
    """Return the better of two models, None where they are tied."""
    try:
        interval = draws.difference(one, other, level=level).interval
    except NoInterval:
        return None
    if interval.holds(0.0) or interval.within(equivalence):
        return None
    return one if interval.low > 0 else other
