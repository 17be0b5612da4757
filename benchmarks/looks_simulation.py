"""Error rates of a gate that is read several times while queries or seeds are added, by simulated variants.

    python -m benchmarks.looks_simulation            everything, some minutes on one core
    python -m benchmarks.looks_simulation --short    a small part of it, as the tests run it

One general task of the rank model of `gate_simulation`, or normal differences with the noise of training; four looks,
each at all data so far, with the gate's own rule on forgetting. Uncorrected, every look is at alpha; corrected, at the
level of `stats.looks`. Shown per plan: how often any of the intervals misses the true difference, how often a variant
without a change is called a regression at some look, and how often one that lost the whole margin passes at some look.
Exits 1 where a corrected rate is significantly above its bound (5%, 5%, 2.5%), or where an uncorrected interval misses
in no significantly more than 5%, so that no correction would be needed.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from benchmarks.gate_simulation import Rate, differences
from tcmbench.specs.policy import Policy
from tcmbench.stats.draws import Draws
from tcmbench.stats.gate import BASE, TUNED, Evidence, judge
from tcmbench.stats.looks import level_of_look
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = npt.NDArray[np.float64]

POLICY = Policy(required_gain=None)
BOUNDS = (0.05, 0.05, 0.025)
"""Of missing intervals, false alarms, and false passes."""

_AT_ONCE = 250


class Plan(NamedTuple):
    """Data at each look."""

    name: str
    items: tuple[int, ...]
    seeds: tuple[int, ...]
    noise: float = 0.0
    """Standard deviation of trainings, in points; with it the differences of queries are normal."""

    @property
    def shares(self) -> list[float]:
        """For every look from the second on, the share of its data that the look before had."""
        amounts = [items * seeds for items, seeds in zip(self.items, self.seeds, strict=True)]
        return [before / after for before, after in itertools.pairwise(amounts)]


PLANS = (
    Plan("queries added: 400, 800, 1,200, 1,600", (400, 800, 1_200, 1_600), (1, 1, 1, 1)),
    Plan("queries doubled: 200, 400, 800, 1,600", (200, 400, 800, 1_600), (1, 1, 1, 1)),
    Plan("seeds added: 3, 4, 5, 6 (noise 0.3)", (400,) * 4, (3, 4, 5, 6), 0.3),
)


@dataclass(frozen=True)
class Size:
    """Size of the simulation."""

    sets: int
    resamples: int
    plans: tuple[Plan, ...]
    seed: int


class Rates(NamedTuple):
    """Rates over all sets."""

    missed: Rate
    """Sets of which an interval of some look misses the true difference; half without a change, half at the margin."""

    false_alarm: Rate
    """Unchanged variants that are called a regression at some look."""

    false_pass: Rate
    """Variants at the margin that pass at some look."""


def simulate(size: Size, plan: Plan) -> tuple[Rates, Rates]:
    """Return the rates of a plan, with every look at alpha and with alpha spent over the looks."""
    count = range(1, len(plan.items) + 1)
    spent = [
        level_of_look(look, planned=len(plan.items), alpha=POLICY.alpha, shares=plan.shares[: look - 1])
        for look in count
    ]
    alphas = ([POLICY.alpha for _ in count], spent)
    unchanged = _looks(size, plan, alphas, delta=0.0)
    at_margin = _looks(size, plan, alphas, delta=-POLICY.margin)
    uncorrected, corrected = (
        Rates(
            Rate(same.missed + lost.missed, 2 * size.sets),
            Rate(same.regressed, size.sets),
            Rate(lost.passed, size.sets),
        )
        for same, lost in zip(unchanged, at_margin, strict=True)
    )
    return uncorrected, corrected


class _Counts(NamedTuple):
    """Sets with at least one such look."""

    missed: int
    regressed: int
    passed: int


def _looks(size: Size, plan: Plan, alphas: Sequence[Sequence[float]], *, delta: float) -> list[_Counts]:
    """Return the counts for each way of choosing alpha at the looks."""
    seen = np.zeros((len(alphas), 3, size.sets), dtype=bool)
    for start in range(0, size.sets, _AT_ONCE):
        rows = _measured(size, plan, sets=min(_AT_ONCE, size.sets - start), delta=delta, start=start)
        for look in range(len(plan.items)):
            now = {str(i): row[: plan.seeds[look], : plan.items[look]] for i, row in enumerate(rows)}
            stream = f"looks {plan.name} {start} {look}"
            draws = bootstrap(now, plan=Resampling(n_resamples=size.resamples, seed=size.seed, stream=stream))
            for way, levels in enumerate(alphas):
                policy = POLICY.model_copy(update={"alpha": levels[look]})
                for place in range(len(rows)):
                    seen[way, :, start + place] |= _outcome(draws, place, policy=policy, delta=delta)
    return [_Counts(*(int(count) for count in way.sum(axis=1))) for way in seen]


def _outcome(draws: Draws, place: int, *, policy: Policy, delta: float) -> tuple[bool, bool, bool]:
    """Return whether the interval misses the true difference, and whether the gate says regression, or pass."""
    result = judge([_evidence(draws, place)], policy=policy)
    if result.kept is None:
        raise AssertionError("a general task has a mean")
    return not result.kept.interval.holds(delta), result.outcome == "regression", result.outcome == "pass"


def _measured(size: Size, plan: Plan, *, sets: int, delta: float, start: int) -> FloatArray:
    """Return sets × seeds × queries: differences from the reference in points, of the last look."""
    random = np.random.default_rng([size.seed, 91, len(plan.name), start, round(-delta * 10)])
    if not plan.noise:
        return differences(random, "ndcg_at_10", sets=sets, items=plan.items[-1], delta=delta)[:, None, :]
    seeds, items = plan.seeds[-1], plan.items[-1]
    training = random.normal(0, plan.noise, (sets, seeds, 1))
    own = random.normal(0, 2.5, (sets, seeds, items))
    return np.asarray(delta + random.normal(0, 12.5, (sets, 1, items)) + own + training, dtype=np.float64)


def _evidence(draws: Draws, place: int) -> Evidence:
    drawn = draws.resampled[:, place]
    pair = Draws(
        names=(TUNED, BASE),
        observed=np.array([draws.observed[place], 0.0]),
        resampled=np.stack([drawn, np.zeros_like(drawn)], axis=1),
        n_items=draws.n_items,
        n_clusters=draws.n_clusters,
        n_seeds=(draws.n_seeds[place], 1),
    )
    return Evidence("task", "general", "ndcg_at_10", pair, p_value=1.0)


def report(size: Size) -> bool:
    """Print the table; return whether all bounds hold."""
    print(f"\n## Four looks ({size.sets:,} sets per row and true difference)\n")
    print("| data at the looks | alpha per look | an interval misses | unchanged: regression | at the margin: pass |")
    print("|---|---|---|---|---|")
    kept = True
    for plan in size.plans:
        for how, rates in zip(("5% each", "spent over the looks"), simulate(size, plan), strict=True):
            print(f"| {plan.name} | {how} | {rates.missed} | {rates.false_alarm} | {rates.false_pass} |", flush=True)
            lows = [rate.wilson[0] for rate in rates]
            if how == "5% each":
                kept &= lows[0] > BOUNDS[0]
            else:
                kept &= all(low <= bound for low, bound in zip(lows, BOUNDS, strict=True))
    return kept


def main() -> int:
    """Run the simulation and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a small part, for the tests")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    size = Size(1_000, 5_000, PLANS, options.seed)
    if options.short:
        short = Plan("queries doubled: 100, 200, 400, 800", (100, 200, 400, 800), (1, 1, 1, 1))
        size = Size(250, 4_000, (short,), options.seed)
    started = time.perf_counter()
    print(f"# Looks simulation: {size.sets:,} sets, {size.resamples:,} resamples, seed {size.seed}")
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}")
    kept = report(size)
    print(f"\n{'All bounds hold' if kept else 'A PROMISE IS BROKEN'}; {time.perf_counter() - started:.0f} s")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
