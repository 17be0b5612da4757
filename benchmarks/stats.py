"""How long do the statistics of a large board take, and how long would scipy's bootstrap?

    python benchmarks/stats.py             20 variants × 12 tasks × 5,000 queries × 10,000 resamples
    python benchmarks/stats.py --small     a fiftieth of it

Times are processor seconds, so a busy machine changes them little. scipy is timed on one difference and multiplied up.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import time

import numpy as np
import scipy
from scipy.stats import bootstrap as scipy_bootstrap

from tcmbench.stats.draws import mean_over_tasks
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.randomisation import sign_flip
from tcmbench.stats.resampling import Resampling


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


def main() -> int:
    """Time both and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a fiftieth")
    small = parser.parse_args().small
    variants, tasks, queries, resamples = (10, 4, 3_000, 2_000) if small else (20, 12, 5_000, 10_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started, wall = time.process_time(), time.perf_counter()
    board(variants, tasks, queries, resamples)
    ours, elapsed = time.process_time() - started, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    models = scores(np.random.default_rng(0), 1, queries)
    delta = models["variant0"] - models["base"]
    started = time.process_time()
    scipy_bootstrap((delta,), np.mean, n_resamples=resamples, method="percentile", batch=200)
    theirs = (time.process_time() - started) * variants * tasks
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, "
        f"{os.cpu_count()} cores, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '')}"
    )
    print(f"{variants} variants × {tasks} tasks × {queries:,} queries × {resamples:,} resamples\n")
    print("| | processor s | elapsed s | peak memory MiB |")
    print("|---|---|---|---|")
    print(f"| tcmbench: intervals, sign-flip tests, means over tasks | {ours:.1f} | {elapsed:.1f} | {peak:.0f} |")
    print(f"| scipy.stats.bootstrap, intervals alone (one timed, × {variants * tasks}) | {theirs:.0f} | | |")
    print(f"\nMemory before: {before:.0f} MiB (Python, numpy, scipy).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
