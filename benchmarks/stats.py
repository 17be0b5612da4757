"""How long do the statistics of a large board take, and how long would scipy's bootstrap?

    python -m benchmarks.stats             20 variants × 12 tasks × 5,000 queries × 10,000 resamples
    python -m benchmarks.stats --quick     a fiftieth of it

Times are processor seconds, so a busy machine changes them little. scipy is timed on one difference and extrapolated,
and where the figure of a task is a rank correlation, on a few resamples of one model.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import spearmanr

from benchmarks import _cost, _result
from benchmarks._result import Row
from tcmbench.stats.draws import mean_over_tasks
from tcmbench.stats.paired import bootstrap, bootstrap_statistic
from tcmbench.stats.randomisation import sign_flip
from tcmbench.stats.resampling import Resampling
from tcmbench.stats.statistics import spearman

if TYPE_CHECKING:
    import argparse

    from tcmbench.stats.draws import Draws

MOST_MIB = 1024
_RIVAL_RESAMPLES = 20


def scores(random: np.random.Generator, models: int, queries: int) -> dict[str, np.ndarray]:
    """Return points of models over the same queries; the first is the base."""
    base = random.choice([0.0, 100.0, 63.0929753571, 50.0], queries, p=[0.4, 0.4, 0.1, 0.1])
    made = {"base": base}
    for number in range(models):
        made[f"variant{number}"] = np.where(random.random(queries) < 0.2, random.permutation(base), base)
    return made


def board(variants: int, tasks: int, queries: int, resamples: int) -> None:
    """Compute every interval, p value and mean of a board."""
    random = np.random.default_rng(0)
    drawn = []
    for task in range(tasks):
        plan = Resampling(n_resamples=resamples, seed=1, stream=f"task{task}")
        models = scores(random, variants, queries)
        draws = bootstrap(models, plan=plan)
        sign_flip(np.stack([row - models["base"] for row in models.values()][1:]), plan=plan)
        for name in draws.names[1:]:
            draws.difference(name, "base")
        drawn.append(draws)
    overall = mean_over_tasks(drawn)
    for name in overall.names[1:]:
        overall.difference(name, "base")


def rank_correlations(models: int, seeds: int, pairs: int, resamples: int) -> Row:
    """Return the cost of Spearman's correlation on a task of pairs with a binary gold, as in LCQMC."""
    random = np.random.default_rng(0)
    gold = (random.random(pairs) < 0.5).astype(float)
    values = {f"variant{n}": random.normal(size=(seeds, pairs)) + gold for n in range(models)}
    plan = Resampling(n_resamples=resamples, stream="pairs")

    def ours() -> Draws:
        statistics = {name: [spearman.prepare(seed, gold) for seed in of_model] for name, of_model in values.items()}
        return bootstrap_statistic(statistics, items=pairs, plan=plan)

    drawn = random.integers(0, pairs, (_RIVAL_RESAMPLES, pairs))
    first = values["variant0"][0]
    _, own = _cost.of(ours)
    _, theirs = _cost.of(lambda: [spearmanr(first[rows], gold[rows]).statistic for rows in drawn])
    return Row(
        case=f"rank correlations: {models} variants × {seeds} seeds × {pairs:,} pairs × {resamples:,} resamples",
        unit="processor s",
        ours=own.cpu,
        rival=theirs.cpu * models * seeds * resamples / _RIVAL_RESAMPLES,
        rival_name="scipy.stats.spearmanr, extrapolated",
        mib=own.mib,
        rival_mib=theirs.mib,
        most_mib=MOST_MIB,
        note=f"scipy's correlation is timed on {_RIVAL_RESAMPLES} resamples of one model; both give the same figures "
        "(tests/stats/test_statistics.py).",
    )


def figures(given: argparse.Namespace) -> list[Row]:
    """Time both."""
    variants, tasks, queries, resamples = (10, 4, 3_000, 2_000) if given.quick else (20, 12, 5_000, 10_000)
    _, ours = _cost.of(lambda: board(variants, tasks, queries, resamples))
    models = scores(np.random.default_rng(0), 1, queries)
    delta = models["variant0"] - models["base"]
    _, theirs = _cost.of(
        lambda: scipy_bootstrap((delta,), np.mean, n_resamples=resamples, method="percentile", batch=200)
    )
    intervals = variants * tasks
    return [
        Row(
            case=f"{variants} variants × {tasks} tasks × {queries:,} queries × {resamples:,} resamples",
            unit="processor s",
            ours=ours.cpu,
            rival=theirs.cpu * intervals,
            rival_name="scipy.stats.bootstrap, extrapolated",
            mib=ours.mib,
            rival_mib=theirs.mib,
            most=60,
            most_mib=MOST_MIB,
            note=f"Intervals, sign-flip tests and means over tasks of a whole board; scipy's bootstrap makes the "
            f"intervals alone, is timed on one difference and multiplied by {intervals}.",
        ),
        rank_correlations(*((2, 1, 2_000, 500) if given.quick else (13, 3, 12_500, 10_000))),
    ]


if __name__ == "__main__":
    sys.exit(_result.command(__doc__, figures, packages=("numpy", "scipy")))
