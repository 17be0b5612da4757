"""Do intervals hold what they should on few items? Real scores of items, resampled, with their own mean as the truth.

    python -m benchmarks.coverage --set pictures-static --data DATA
    python -m benchmarks.coverage --simulated           without data: the skew and the ties of real scores, made up

Reads the scores that `tcmbench run SET` stored. The items of a column are the population, for two models and the
difference of their scores; sets of n items are drawn from it with replacement, and the share of 95% intervals that
contain the population's own mean (or correlation) is printed, of the plain percentile interval and of the one that
boards show. Columns with fewer than 300 items, and pairs of models that differ on fewer than 20 items, are left out.

Exits 1 where the coverage of boards' intervals over all pairs of a column lies outside 93–97%.
"""

from __future__ import annotations

import argparse
import sys
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.gate_simulation import LEAST, MOST, Rate
from tcmbench.stats import statistics
from tcmbench.stats.estimates import percentile
from tcmbench.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tcmbench.records.items import Items
    from tcmbench.stats.inputs import FloatArray

SIZES = (50, 100, 200, 300)
FEWEST_ITEMS = 300
FEWEST_CHANGED = 20
FEWEST_CHANGES = 5
"""Expected number of changed items in a set; with fewer, many sets have none, and no method sees a difference there."""
_AT_ONCE = 200


class Population(NamedTuple):
    """Items of one column and the values of its models."""

    column: str
    statistic: str
    gold: FloatArray | None
    models: Mapping[str, FloatArray]
    """Model → items, mean over seeds."""


class Rates(NamedTuple):
    """Coverage on sets of n items."""

    plain: Rate
    """Of the percentile interval."""

    shown: Rate
    """Of the interval that boards show."""


def coverage(population: Population, pair: tuple[str, str], *, items: int, sets: int, resamples: int) -> Rates:
    """Return the share of sets whose interval of the difference of two models contains that of the population."""
    random = np.random.default_rng([17, items])
    statistic = statistics.load(population.statistic)
    scale = 1.0 if statistic.HAS_ITEM_SCORES else 100.0
    one, other = (scale * statistic.value(population.models[name], population.gold) for name in pair)
    plain = shown = 0
    for number in range(sets):
        chosen = random.integers(0, len(population.models[pair[0]]), items)
        plan = Resampling(n_resamples=resamples, stream=f"{items}/{number}")
        gold = None if population.gold is None else population.gold[chosen]
        models = {name: population.models[name][chosen] for name in pair}
        draws = statistic.draws(models, gold, clusters=None, plan=plan)
        plain += percentile(draws.resampled[:, 0] - draws.resampled[:, 1]).holds(one - other)
        shown += draws.difference(*pair).interval.holds(one - other)
    return Rates(Rate(plain, sets), Rate(shown, sets))


def coverage_of_means(population: Population, pair: tuple[str, str], *, items: int, sets: int, resamples: int) -> Rates:
    """Return the same where the figure is a mean; resamples are shared by the sets of a batch, which is faster."""
    differences = population.models[pair[0]] - population.models[pair[1]]
    truth = float(differences.mean())
    random = np.random.default_rng([17, items])
    statistic = statistics.load(population.statistic)
    plain = shown = 0
    for start in range(0, sets, _AT_ONCE):
        batch = min(_AT_ONCE, sets - start)
        rows = random.choice(differences, (batch, items))
        plan = Resampling(n_resamples=resamples, stream=f"{items}/{start}")
        draws = statistic.draws({str(n): row for n, row in enumerate(rows)}, None, clusters=None, plan=plan)
        for place, name in enumerate(draws.names):
            plain += percentile(draws.resampled[:, place]).holds(truth)
            shown += draws.estimate(name).interval.holds(truth)
    return Rates(Rate(plain, sets), Rate(shown, sets))


def made_up(items: int = 3_000) -> Population:
    """Return nDCG@10 of three searches that find nearly all: each misses the first place on a share of its own items.

    The first two differ on about one item in ten, in either direction; the third from both on one in four.
    """
    random = np.random.default_rng(3)
    models = {}
    for name, share in (("near", 0.03), ("base", 0.06), ("far", 0.2)):
        missed = random.choice([63.1, 50.0, 43.1, 0.0], items, p=[0.45, 0.15, 0.1, 0.3])
        models[name] = np.where(random.random(items) < share, missed, 100.0)
    return Population("made up", "mean", None, models)


def stored(name: str, data: Path | None) -> Iterator[Population]:
    """Yield the columns of a set with stored scores of at least two models."""
    from tcmbench import tasks
    from tcmbench.comparison.measured import measured
    from tcmbench.models.given import in_set
    from tcmbench.runs import gather
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.workspace import from_environment

    place = from_environment(Path(__file__).parent.parent, data=data)
    place, model_set = in_set(place, place.spec(ModelSet, name))
    planned = tasks.plan_set(place, model_set)
    models = [measured(entry) for entry in gather.entries(place, model_set, planned)]
    for column in planned.suite.tasks:
        having: dict[str, Items] = {m.name: m.items[column.column] for m in models if column.column in m.items}
        if len(having) < 2:
            continue
        first = next(iter(having.values()))
        values = {model: items.values.mean(axis=0) for model, items in having.items()}
        yield Population(column.column, first.statistic, first.gold, values)


def pairs(population: Population) -> list[tuple[str, str]]:
    """Return the pairs of models that differ on enough items."""
    models = population.models
    return [
        (one, other)
        for one, other in combinations(models, 2)
        if np.count_nonzero(models[one] != models[other]) >= FEWEST_CHANGED
    ]


def report(population: Population, *, sets: int, resamples: int) -> bool:
    """Print the coverage on one column; return whether that of boards' intervals is compatible with 93–97%."""
    is_kept = True
    is_mean = statistics.load(population.statistic).HAS_ITEM_SCORES
    for items in SIZES:
        total = Rates(Rate(0, 0), Rate(0, 0))
        count = 0
        lowest = 1.0
        for pair in pairs(population):
            changed = np.mean(population.models[pair[0]] != population.models[pair[1]])
            if changed * items < FEWEST_CHANGES:
                continue
            measure = coverage_of_means if is_mean else coverage
            rates = measure(population, pair, items=items, sets=sets, resamples=resamples)
            total = Rates(*(Rate(a.hits + b.hits, a.sets + b.sets) for a, b in zip(total, rates, strict=True)))
            lowest, count = min(lowest, rates.shown.share), count + 1
        if not count:
            continue
        print(f"| {population.column} | {items} | {count} | {total.plain} | {total.shown} | {lowest:.1%} |", flush=True)
        is_kept &= total.shown.wilson[1] >= LEAST and total.shown.wilson[0] <= MOST
    return is_kept


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", default="pictures-static", help="model set whose stored scores are used")
    parser.add_argument("--data", type=Path, help="data root, as in `tcmbench run`")
    parser.add_argument("--simulated", action="store_true", help="made-up scores instead")
    parser.add_argument(
        "--sets", type=int, default=1_000, help="sets of items per pair and size; a fifth for correlations"
    )
    parser.add_argument("--resamples", type=int, default=1_000)
    options = parser.parse_args()
    columns = [made_up()] if options.simulated else list(stored(options.set, options.data))
    columns = [one for one in columns if len(next(iter(one.models.values()))) >= FEWEST_ITEMS and pairs(one)]
    if not columns:
        print(f"Nothing to resample: no stored scores of set {options.set} on {FEWEST_ITEMS} items. First run:")
        print(f"  tcmbench run {options.set} --data DATA")
        return 0
    print("| column | items | pairs | percentile [95% Wilson] | of boards [95% Wilson] | of boards, lowest pair |")
    print("|---|---|---|---|---|---|")
    is_kept = True
    for population in columns:
        is_mean = statistics.load(population.statistic).HAS_ITEM_SCORES
        sets = options.sets if is_mean else max(1, options.sets // 5)
        is_kept &= report(population, sets=sets, resamples=options.resamples)
    print(f"\n{'All bounds hold' if is_kept else 'A PROMISE IS BROKEN'}")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
