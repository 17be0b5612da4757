"""Do intervals of cures hold what they should? Simulated cures of a variant with three seeds, with known true changes.

    python -m benchmarks.cure_simulation           a few minutes on one core
    python -m benchmarks.cure_simulation --short   a small part of it, as the tests run it

Exits 1 where coverage of 95% intervals is below 93% by more than the simulation's own error (its 95% Wilson interval).

Variants with three seeds forget 3 points on each of three general tasks, as the sets of `benchmarks.few_seeds` have
them: half of the variance of training is common to the tasks, and items answer to each training. Of the first variant
there are three cures. `each`: one model per seed, which forgets 1.2 points and has half of its training's luck and of
its items' answers. `same`: the model of each seed itself, the limit of every cure. `soup`: one model, the average of
the three. Shown are the intervals of their backward transfer, of the share of the variant's forgetting that they undo,
and, seed by seed, of what `each` forgets less than the variant.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.few_seeds import INTERACTION, ITEM_DEVIATION, ITEMS, SEEDS, TASKS
from benchmarks.gate_simulation import LEAST, Rate
from tcmbench.stats import shares
from tcmbench.stats.draws import mean_over_tasks
from tcmbench.stats.gate import BASE
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.resampling import Resampling
from tcmbench.stats.training_noise import TrainingNoise, noisier, prior_freedom

if TYPE_CHECKING:
    from tcmbench.stats.draws import Draws
    from tcmbench.stats.inputs import FloatArray

FORGOTTEN = -3.0
LEFT = 0.4
"""Share of the forgetting that `each` leaves."""
UNTREATED, EACH, SAME, SOUP = "variant0", "each", "same", "soup"
NOISES = (0.2, 0.6, 2.0)

_SHARES = {"undone_each": (EACH, LEFT), "undone_soup": (SOUP, 1.0), "undone_same": (SAME, 1.0)}
"""Field of `Coverage` → cure, and the share of the forgetting that it has."""


class Coverage(NamedTuple):
    """Shares of sets whose intervals hold the truth; of shares, among those that are defined."""

    each: Rate
    soup: Rate
    """Backward transfer."""

    undone_each: Rate
    undone_soup: Rate
    """Share of the forgetting that is undone."""

    less: Rate
    """What `each` forgets less, seed by seed, as `tcmbench compare` shows it."""

    undone_same: Rate
    """Of the models themselves: nothing is undone."""


def made(random: np.random.Generator, variants: int, noise: float) -> list[dict[str, FloatArray]]:
    """Return of each task: model → seeds × items of differences from the base."""
    half = np.sqrt(0.5)
    shared = [random.normal(0, noise * half, (SEEDS, 1)) for _ in range(variants)]
    tasks = []
    for _ in range(TASKS):
        task = {}
        for place, lucky in enumerate(shared):
            items = random.normal(0, ITEM_DEVIATION, ITEMS)
            luck = lucky + random.normal(0, noise * half, (SEEDS, 1)) + random.normal(0, INTERACTION, (SEEDS, ITEMS))
            task[f"variant{place}"] = FORGOTTEN + items + luck
            if place == 0:
                own = random.normal(0, ITEM_DEVIATION / 4, ITEMS)
                task[EACH] = LEFT * FORGOTTEN + (items + luck) / 2 + own
                task[SAME] = task[UNTREATED]
                task[SOUP] = task[UNTREATED].mean(axis=0, keepdims=True)
        tasks.append(task)
    return tasks


def resampled(tasks: list[dict[str, FloatArray]], *, plan: Resampling, is_paired: bool = False) -> list[Draws]:
    """Return the draws of each task, the base (zero) among them.

    Args:
        tasks: Of each task: model → seeds × items.
        plan: Number of resamples and stream.
        is_paired: Whether cure and variant are compared seed by seed, by their own spread.
    """
    variants = [name for name in tasks[0] if name.startswith("variant")]
    figures = [{name: task[name].mean(axis=1) for name in variants} for task in tasks]
    noise = TrainingNoise(
        {},
        {name: name for name in tasks[0]},
        prior_freedom(figures),
        alone=noisier(figures) | {EACH, SAME},
        averaged={SOUP: SEEDS},
        streams={EACH: UNTREATED, SAME: UNTREATED},
    )
    if is_paired:
        noise = replace(noise, alone=frozenset({EACH, UNTREATED}), streams={EACH: UNTREATED})
    return [
        bootstrap(
            {BASE: np.zeros(ITEMS), **task},
            plan=Resampling(
                plan.n_resamples, plan.seed, f"{plan.stream}/{number}", noise=replace(noise, siblings=siblings)
            ),
        )
        for number, (task, siblings) in enumerate(zip(tasks, figures, strict=True))
    ]


def simulate(*, variants: int, noise: float, sets: int, resamples: int, seed: int) -> Coverage:
    """Return coverage over sets of variants and the cures of the first.

    Args:
        variants: Variants with three seeds.
        noise: Noise of training in points.
        sets: Number of sets.
        resamples: Resamples of each.
        seed: Seed of everything.
    """
    random = np.random.default_rng([seed, variants, round(noise * 10)])
    held: dict[str, list[bool]] = {field: [] for field in Coverage._fields}
    for number in range(sets):
        tasks = made(random, variants, noise)
        plan = Resampling(n_resamples=resamples, seed=seed, stream=f"set {number}")
        mean = mean_over_tasks(resampled(tasks, plan=plan))
        held["each"].append(mean.difference(EACH, BASE).interval.holds(LEFT * FORGOTTEN))
        held["soup"].append(mean.difference(SOUP, BASE).interval.holds(FORGOTTEN))
        if not shares.change(mean, (UNTREATED,), base=BASE).interval.holds(0.0):
            for field, (name, left) in _SHARES.items():
                share = shares.share(mean, name, (UNTREATED,), base=BASE)
                held[field].append(share.interval.holds(left))
        pair = mean_over_tasks(resampled(tasks, plan=plan, is_paired=True))
        held["less"].append(pair.difference(EACH, UNTREATED).interval.holds((LEFT - 1) * FORGOTTEN))
    return Coverage(*(Rate(sum(hits), len(hits)) for hits in held.values()))


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a small part, for the tests")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    sets, resamples = (100, 600) if options.short else (400, 1_000)
    cases = [(4, 0.6)] if options.short else [(variants, noise) for variants in (1, 4) for noise in NOISES]
    started = time.perf_counter()
    print(f"# Cures: {sets} sets, {resamples:,} resamples, seed {options.seed}\n")
    print("| variants | noise of training | each | soup | undone: each | undone: soup | each less | undone: same |")
    print("|---|---|---|---|---|---|---|---|")
    is_kept = True
    for variants, noise in cases:
        rates = simulate(variants=variants, noise=noise, sets=sets, resamples=resamples, seed=options.seed)
        print(f"| {variants} | {noise} | " + " | ".join(map(str, rates)) + " |", flush=True)
        is_kept &= all(rate.wilson[1] >= LEAST for rate in rates)
    print(f"\n{'All bounds hold' if is_kept else 'A PROMISE IS BROKEN'}; {time.perf_counter() - started:.0f} s")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
