"""How long do the statistics of a large board take, and how long would scipy's bootstrap?

    python -m benchmarks.stats             20 variants × 12 tasks × 5,000 queries × 10,000 resamples
    python -m benchmarks.stats --quick     a fiftieth of it

Times are processor seconds, so a busy machine changes them little. scipy is timed on one difference and multiplied up.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import bootstrap as scipy_bootstrap

from benchmarks import _cost, _result
from benchmarks._result import Row
from tcmbench.stats.draws import mean_over_tasks
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.randomisation import sign_flip
from tcmbench.stats.resampling import Resampling

if TYPE_CHECKING:
    import argparse


def scores(random: np.random.Generator, models: int, queries: int) -> dict[str, np.ndarray]:
    """Return points of models over the same queries; the first is the base."""
    base = random.choice([0.0, 100.0, 63.0929753571, 50.0], queries, p=[0.4, 0.4, 0.1, 0.1])
    made = {"base": base}
    for number in range(models):
        made[f"variant{number}"] = np.where(random.random(queries) < 0.2, random.permutation(base), base)
    return made


def board(variants: int, tasks: int, queries: int, resamples: int) -> None:
    """Make every interval, p value and mean of a board."""
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
            note=f"Intervals, sign-flip tests and means over tasks of a whole board; scipy's bootstrap makes the "
            f"intervals alone, is timed on one difference and multiplied by {intervals}.",
        )
    ]


if __name__ == "__main__":
    sys.exit(_result.command(__doc__, figures, packages=("numpy", "scipy")))
