"""Coverage of intervals for the gain of the best of N recipes, by simulated recipes with a known true gain.

    python -m benchmarks.selection_simulation            everything, some minutes on one core
    python -m benchmarks.selection_simulation --short    a small part of it, as the tests run it

Recipes follow the rank model of `gate_simulation`: log ranks of one difficulty per query, and a deviation of every
model's own, so that the gains of all recipes share the noise of the reference. The recipe with the largest estimate is
the winner; an interval is right where it contains the winner's true gain. Three intervals: the winner's ordinary one,
as if it had been the only recipe; the adjusted one of `stats.selection`; and that of a second half of the queries, with
the winner chosen on the first. Exits 1 where one of the last two covers less than 93% or more than 97%, or where the
ordinary interval of the best of 20 equal recipes covers 90% or more, so that no correction would be needed.
"""

from __future__ import annotations

import argparse
import math
import platform
import sys
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy

from benchmarks.gate_simulation import AGREEMENT, DIFFICULTY, LEAST, MOST, SPREAD, Rate, score, shift_for
from tcmbench.stats.estimates import Estimate, percentile
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.resampling import Resampling
from tcmbench.stats.selection import best_of, in_first_half

FloatArray = npt.NDArray[np.float64]

METRIC = "ndcg_at_10"
BEST = 5.0
"""True gain of the best recipe, in points."""

SHAPES = ("equal", "graded", "one ahead")
"""All gain the same; from the best to 3 points less in equal steps; all but one gain 3 points less."""

FAILS_BELOW = 0.90
_COLUMNS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Size:
    """Size of the simulation."""

    sets: int
    resamples: int
    items: int
    recipes: tuple[int, ...]
    shapes: tuple[str, ...]
    seed: int


class Outcomes(NamedTuple):
    """Outcomes over all sets."""

    ordinary: Rate
    adjusted: Rate
    halves: Rate
    too_large: float
    """Mean of the winner's estimate minus its true gain, in points."""

    too_large_adjusted: float
    """The same of the adjusted estimate."""

    widths: tuple[float, float, float]
    """Mean widths of the three intervals, in points."""


def gains(shape: str, recipes: int) -> FloatArray:
    """Return the true gain of every recipe."""
    if shape == "equal":
        return np.full(recipes, BEST)
    if shape == "graded":
        return np.linspace(BEST, BEST - 3.0, recipes)
    return np.array([BEST, *[BEST - 3.0] * (recipes - 1)])


def measured(random: np.random.Generator, shifts: FloatArray, *, items: int) -> FloatArray:
    """Return recipes × items: differences from the reference in points, of recipes at these shifts of log ranks."""
    own = math.sqrt(1 - AGREEMENT) * SPREAD
    shared = random.normal(DIFFICULTY, math.sqrt(AGREEMENT) * SPREAD, items)
    base = score(shared + random.normal(0, own, items), METRIC)
    return score(shared + random.normal(0, own, (len(shifts), items)) + shifts[:, None], METRIC) - base


def simulate(size: Size, *, recipes: int, shape: str) -> Outcomes:
    """Return how often each interval contains the winner's true gain."""
    true = gains(shape, recipes)
    shifts = np.array([shift_for(float(gain), METRIC) for gain in true])
    first = in_first_half([str(item) for item in range(size.items)])
    batch = max(1, _COLUMNS_AT_ONCE // recipes)
    hits = np.zeros(3, dtype=int)
    over, widths = np.zeros(2), np.zeros(3)
    for start in range(0, size.sets, batch):
        random = np.random.default_rng([size.seed, recipes, SHAPES.index(shape), start])
        sets = [measured(random, shifts, items=size.items) for _ in range(min(batch, size.sets - start))]
        plan = Resampling(n_resamples=size.resamples, seed=size.seed, stream=f"selection {recipes} {shape} {start}")
        rows = np.concatenate(sets)
        every = bootstrap({str(place): row for place, row in enumerate(rows)}, plan=plan)
        second = bootstrap({str(place): row[~first] for place, row in enumerate(rows)}, plan=plan.on("second half"))
        for place, one in enumerate(sets):
            columns = slice(place * recipes, (place + 1) * recipes)
            means, draws = every.observed[columns], every.resampled[:, columns]
            winner = int(np.argmax(means))
            ahead = int(np.argmax(one[:, first].mean(axis=1)))
            estimates = (
                Estimate(float(means[winner]), percentile(draws[:, winner])),
                best_of(means, draws),
                Estimate(float(second.observed[columns][ahead]), percentile(second.resampled[:, columns][:, ahead])),
            )
            truths = (true[winner], true[winner], true[ahead])
            hits += [one.interval.holds(truth) for one, truth in zip(estimates, truths, strict=True)]
            widths += [one.interval.high - one.interval.low for one in estimates]
            over += [estimates[0].value - true[winner], estimates[1].value - true[winner]]
    ordinary, adjusted, halves = (Rate(int(count), size.sets) for count in hits)
    wide = widths / size.sets
    return Outcomes(
        ordinary=ordinary,
        adjusted=adjusted,
        halves=halves,
        too_large=float(over[0]) / size.sets,
        too_large_adjusted=float(over[1]) / size.sets,
        widths=(float(wide[0]), float(wide[1]), float(wide[2])),
    )


def report(size: Size, *, strict: bool) -> bool:
    """Print the table; return whether all bounds hold."""
    print(f"\n## The best of N recipes ({size.items:,} queries)\n")
    print(
        "| recipes | true gains | uncorrected | adjusted | second half | winner's estimate too large by | "
        "adjusted estimate | widths |"
    )
    print("|---|---|---|---|---|---|---|---|")
    kept = True
    for shape in size.shapes:
        for recipes in size.recipes:
            result = simulate(size, recipes=recipes, shape=shape)
            widths = " / ".join(f"{width:.1f}" for width in result.widths)
            print(
                f"| {recipes} | {shape} | {result.ordinary} | {result.adjusted} | {result.halves} | "
                f"{result.too_large:+.2f} | {result.too_large_adjusted:+.2f} | {widths} |",
                flush=True,
            )
            for rate in (result.adjusted, result.halves):
                low, high = (rate.share, rate.share) if strict else rate.wilson
                kept &= high >= LEAST and low <= MOST
            if shape == "equal" and recipes >= 20:
                kept &= result.ordinary.wilson[1] < FAILS_BELOW
    return kept


def main() -> int:
    """Run the simulation and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a small part, for the tests")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    size = Size(1_000, 2_000, 400, (1, 2, 5, 10, 20, 50), SHAPES, options.seed)
    if options.short:
        size = Size(200, 1_000, 400, (20,), ("equal", "graded"), options.seed)
    started = time.perf_counter()
    print(f"# Selection simulation: {size.sets:,} sets, {size.resamples:,} resamples, seed {size.seed}")
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}")
    kept = report(size, strict=not options.short)
    print(f"\n{'All bounds hold' if kept else 'A PROMISE IS BROKEN'}; {time.perf_counter() - started:.0f} s")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
