"""Coverage of the intervals and error rates of the gate, by simulated models with a known true difference.

    python benchmarks/gate_simulation.py            everything, a few minutes on one core
    python benchmarks/gate_simulation.py --short    a small part of it, as the tests run it

Exits 1 where a bound is violated: coverage of 95% intervals outside 93–97%, or more than 5% false alarms.

The rank model. Query q has a difficulty d ~ N(0.4, √agreement · 2); a model's log rank of the relevant document is
d + e + shift with e ~ N(0, √(1 − agreement) · 2) of its own, and the rank is ⌈exp(log rank)⌉, at least 1. Scores follow
from the rank as in retrieval with one relevant document: R@1 is 100 or 0, nDCG@10 is 100 / log₂(1 + rank), or 0 from
rank 11 on. So scores are zero-inflated, have atoms at 100, 63.1, 50, … and agree between models as `agreement` says
(0.9: about 14% of the queries are right at first place for one model only). The true mean of a shift has a closed
form, which gives the shift for a difference in points, and the true value that an interval must contain.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from tcmbench.specs.policy import Policy
from tcmbench.stats.gate import BASE, TUNED, Evidence, judge
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.randomisation import sign_flip
from tcmbench.stats.resampling import Resampling

if TYPE_CHECKING:
    from tcmbench.stats.draws import Draws

FloatArray = npt.NDArray[np.float64]

METRICS = ("ndcg_at_10", "recall_at_1")
DIFFICULTY = 0.4
SPREAD = 2.0
AGREEMENT = 0.9
GENERAL_TASKS = 6
LEAST, MOST = 0.93, 0.97
MOST_ALARMS = 0.05
_AT_ONCE = 250


@dataclass(frozen=True)
class Size:
    """Size of the simulation."""

    sets: int
    resamples: int
    gate_resamples: int
    items: tuple[int, ...]
    drops: tuple[float, ...]
    seed: int


class Rate(NamedTuple):
    """A share of simulated sets, with its 95% Wilson interval."""

    hits: int
    sets: int

    @property
    def share(self) -> float:
        """The share itself."""
        return self.hits / self.sets

    @property
    def wilson(self) -> tuple[float, float]:
        """Its 95% Wilson score interval."""
        found = binomtest(self.hits, self.sets).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        low, high = self.wilson
        return f"{self.share:6.1%} [{low:.1%}, {high:.1%}]"


def score(log_rank: FloatArray, metric: str) -> FloatArray:
    """Return points of each log rank."""
    if metric == "recall_at_1":
        return np.where(log_rank <= 0, 100.0, 0.0)
    rank = np.maximum(np.ceil(np.exp(np.minimum(log_rank, 5.0))), 1.0)
    return np.where(rank <= 10, 100.0 / np.log2(1.0 + rank), 0.0)


def true_mean(shift: float, metric: str) -> float:
    """Return the expected points of a model at a shift, in closed form."""
    cut = 1 if metric == "recall_at_1" else 10
    below = norm.cdf((np.log(np.arange(1, cut + 1)) - DIFFICULTY - shift) / SPREAD)
    worth = 100.0 / np.log2(1.0 + np.arange(1, cut + 1))
    return float((np.diff(below, prepend=0.0) * worth).sum())


def shift_for(delta: float, metric: str) -> float:
    """Return the shift of log ranks that changes the true mean by `delta` points."""
    base = true_mean(0.0, metric)
    return float(brentq(lambda shift: true_mean(shift, metric) - base - delta, -3, 3)) if delta else 0.0


def differences(
    random: np.random.Generator, metric: str, *, sets: int, items: int, delta: float, agreement: float = AGREEMENT
) -> FloatArray:
    """Return sets × items of tuned minus base in points, with a true mean of `delta`."""
    shift = shift_for(delta, metric)
    own = math.sqrt(1 - agreement) * SPREAD
    made = np.empty((sets, items))
    for row in made:  # one set at a time keeps the memory at one set
        shared = random.normal(DIFFICULTY, math.sqrt(agreement) * SPREAD, items)
        base = score(shared + random.normal(0, own, items), metric)
        row[:] = score(shared + random.normal(shift, own, items), metric) - base
    return made


def held(draws: Draws, truth: float) -> int:
    """Return how many of the intervals contain the true value."""
    return sum(draws.estimate(name).interval.holds(truth) for name in draws.names)


def coverage(size: Size, metric: str, *, items: int, delta: float) -> Rate:
    """Return the share of intervals that contain the true difference. Resamples are shared by the sets of a batch."""
    hits = 0
    for start in range(0, size.sets, _AT_ONCE):
        batch = min(_AT_ONCE, size.sets - start)
        random = np.random.default_rng([size.seed, items, start, METRICS.index(metric), round(-delta * 10)])
        deltas = differences(random, metric, sets=batch, items=items, delta=delta)
        plan = Resampling(n_resamples=size.resamples, seed=size.seed, stream=f"coverage {metric} {items} {start}")
        hits += held(bootstrap({str(i): row for i, row in enumerate(deltas)}, plan=plan), delta)
    return Rate(hits, size.sets)


def clustered_coverage(size: Size, *, by_patient: bool, patients: int = 400) -> Rate:
    """Return coverage where patients have 1 to 6 records whose differences agree, with and without the patient ids."""
    random = np.random.default_rng([size.seed, 71])
    ids = np.repeat(np.arange(patients), random.integers(1, 7, patients))
    deltas = {str(i): random.normal(0, 20, patients)[ids] + random.normal(0, 20, len(ids)) for i in range(size.sets)}
    plan = Resampling(n_resamples=size.resamples, seed=size.seed, stream="clusters")
    return Rate(held(bootstrap(deltas, clusters=ids if by_patient else None, plan=plan), 0.0), size.sets)


def seeds_coverage(size: Size, *, seeds: int, noise: float, items: int = 1_600) -> Rate:
    """Return coverage of the true mean over seeds where each training moves all queries by N(0, noise) points.

    Each variant is alone: nothing is known of siblings, whose seeds `benchmarks.few_seeds` adds.
    """
    random = np.random.default_rng([size.seed, 72, seeds, round(noise * 10)])
    models = {}
    for i in range(size.sets):
        queries = random.normal(0, 25, items)
        models[str(i)] = queries + random.normal(0, 5, (seeds, items)) + random.normal(0, noise, (seeds, 1))
    plan = Resampling(n_resamples=size.resamples, seed=size.seed, stream="seeds")
    return Rate(held(bootstrap(models, plan=plan), 0.0), size.sets)


class Outcomes(NamedTuple):
    """Outcomes of the gate over all sets."""

    passed: Rate
    regression: Rate
    inconclusive: Rate
    any_task_regressed: Rate
    regression_in_ci: Rate
    """What the policy against a baseline calls a regression: all tasks kept, and no single one called regressed."""


def gate(size: Size, *, items: int, delta: float) -> Outcomes:
    """Return the outcomes of the gate for variants that changed by `delta` points on each of the general tasks.

    Half of the tasks are nDCG@10, half R@1. No gain is required, so only forgetting is judged.
    """
    policy = Policy(required_gain=None)
    outcomes: list[str] = []
    regressed = alarms = 0
    for start in range(0, size.sets, _AT_ONCE):
        batch = min(_AT_ONCE, size.sets - start)
        tasks = [_task(size, task, sets=batch, items=items, delta=delta, start=start) for task in range(GENERAL_TASKS)]
        for i in range(batch):
            result = judge([_evidence(task, i) for task in tasks], policy=policy)
            outcomes.append(result.outcome)
            any_regressed = any(verdict.verdict == "regressed" for verdict in result.tasks)
            regressed += any_regressed
            # All tasks are general here, so the kept tasks are the same, with one more rule.
            alarms += any_regressed or result.outcome == "regression"
    sets = len(outcomes)
    return Outcomes(
        passed=Rate(outcomes.count("pass"), sets),
        regression=Rate(outcomes.count("regression"), sets),
        inconclusive=Rate(outcomes.count("inconclusive"), sets),
        any_task_regressed=Rate(regressed, sets),
        regression_in_ci=Rate(alarms, sets),
    )


class _Task(NamedTuple):
    name: str
    metric: str
    draws: Draws
    p_values: FloatArray


def _task(size: Size, task: int, *, sets: int, items: int, delta: float, start: int) -> _Task:
    metric = METRICS[task % len(METRICS)]
    random = np.random.default_rng([size.seed, 73, task, items, start, round(-delta * 10)])
    deltas = differences(random, metric, sets=sets, items=items, delta=delta)
    plan = Resampling(n_resamples=size.gate_resamples, seed=size.seed, stream=f"gate {task} {items} {start}")
    draws = bootstrap({BASE: np.zeros(items)} | {str(i): row for i, row in enumerate(deltas)}, plan=plan)
    return _Task(f"task{task}", metric, draws, sign_flip(deltas, plan=plan))


def _evidence(task: _Task, place: int) -> Evidence:
    draws = task.draws.only({str(place): TUNED, BASE: BASE})
    return Evidence(task.name, "general", task.metric, draws, float(task.p_values[place]))


def report_coverage(size: Size, *, strict: bool) -> bool:
    """Print coverage; return whether all of it is compatible with 93–97%."""
    print("\n## Coverage of 95% intervals (share that hold the true difference)\n")
    print("| metric | items | true difference | deviation of differences | coverage [95% Wilson] |")
    print("|---|---|---|---|---|")
    kept = True
    for metric in METRICS:
        for items in size.items:
            for delta in (0.0, -2.0):
                random = np.random.default_rng([size.seed, 70])
                deviation = differences(random, metric, sets=1, items=20_000, delta=delta).std()
                rate = coverage(size, metric, items=items, delta=delta)
                low, high = (rate.share, rate.share) if strict else rate.wilson
                kept &= high >= LEAST and low <= MOST
                print(f"| {metric} | {items:,} | {delta:+.1f} | {deviation:.1f} | {rate} |", flush=True)
    return kept


def report_sources(size: Size) -> None:
    """Print the effect of clusters and seeds on coverage; informative, without a bound."""
    print("\n## Patients with several records (400 patients, 1–6 records each)\n")
    for by_patient, what in ((True, "by patient"), (False, "as if records were independent")):
        print(f"- resampled {what}: {clustered_coverage(size, by_patient=by_patient)}", flush=True)
    print("\n## Seeds (1,600 queries; standard error over queries 0.63 points)\n")
    print("| seeds | noise of training, points | coverage [95% Wilson] |")
    print("|---|---|---|")
    few = replace(size, sets=500, resamples=size.gate_resamples)
    for seeds in (1, 3, 10):
        for noise in (0.2, 0.6, 2.0):
            print(f"| {seeds} | {noise} | {seeds_coverage(few, seeds=seeds, noise=noise)} |", flush=True)


def report_gate(size: Size) -> bool:
    """Print the outcomes of the gate; return whether A/A comparisons raise at most 5% alarms."""
    print(f"\n## The gate: {GENERAL_TASKS} general tasks, {size.sets:,} variants each, default policy without a gain\n")
    print("A/A rows (difference 0): every `regression` is a false alarm. `in CI`: by the policy against a baseline.\n")
    print(
        "| items per task | true difference | pass | regression | inconclusive | a task regressed | regression in CI |"
    )
    print("|---|---|---|---|---|---|---|")
    kept = True
    for items in size.items:
        for delta in (0.0, *size.drops):
            found = gate(size, items=items, delta=delta)
            print(f"| {items:,} | {delta:+.1f} | " + " | ".join(str(rate) for rate in found) + " |", flush=True)
            if delta == 0:
                kept &= found.regression_in_ci.share <= MOST_ALARMS
    return kept


def main() -> int:
    """Run the simulation and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a small part, for the tests")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    size = Size(1_000, 10_000, 2_000, (100, 200, 1_600, 5_000), (-0.5, -1.0, -2.0, -3.0), options.seed)
    if options.short:
        size = Size(200, 1_000, 1_000, (200,), (-3.0,), options.seed)
    started = time.perf_counter()
    print(f"# Gate simulation: {size.sets:,} sets, seed {size.seed}\n")
    print(f"{size.resamples:,} resamples, {size.gate_resamples:,} for the gate and the seeds.")
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, "
        f"{os.cpu_count()} cores"
    )
    kept = report_coverage(size, strict=not options.short)
    if not options.short:
        report_sources(size)
    kept &= report_gate(size)
    print(f"\n{'All bounds hold' if kept else 'A PROMISE IS BROKEN'}; {time.perf_counter() - started:.0f} s")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
