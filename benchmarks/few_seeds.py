"""Do intervals of recipes with few seeds hold what they should? Sets of simulated variants with known true gains.

    python -m benchmarks.few_seeds             a few minutes on one core
    python -m benchmarks.few_seeds --short     a small part of it, as the tests run it

Exits 1 where coverage of 95% intervals is below 93%, for all variants with three seeds or for the noisiest alone, or
above 97% where two or more variants have the same noise, or false alarms exceed 5%.

A set has variants of three seeds, and one more with a single seed, on three general tasks of independent items. The
standard error over items is 0.63 points on each task. A training moves a task by N(0, noise): half of the variance is
the same on all tasks, half is the task's own, and each item moves by N(0, 5) more. All true differences are zero, so an
interval that excludes zero is a false alarm. `alike`: all variants have the same noise; `one noisier`: one of them has
five times that of the others; `unequal`: noise is log-normal over variants, with a deviation of 0.5 in its logarithm.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from benchmarks.gate_simulation import LEAST, MOST, MOST_ALARMS, Rate
from tcmbench.specs.policy import Policy
from tcmbench.stats.draws import mean_over_tasks
from tcmbench.stats.gate import BASE, TUNED, Evidence, judge
from tcmbench.stats.paired import bootstrap
from tcmbench.stats.randomisation import sign_flip
from tcmbench.stats.resampling import Resampling
from tcmbench.stats.training_noise import TrainingNoise, noisier, prior_freedom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.stats.draws import Draws
    from tcmbench.stats.inputs import FloatArray

SEEDS = 3
TASKS = 3
ITEMS = 400
ITEM_DEVIATION = 12.5
"""Deviation of differences over items: a standard error of 0.63 points, as over 1,600 queries of gate_simulation."""
INTERACTION = 5.0
SINGLE = "single"
NOISES = (0.2, 0.6, 2.0)

Spread = Literal["alike", "one noisier", "unequal"]


class Coverage(NamedTuple):
    """Shares of sets whose intervals hold the truth."""

    task: Rate
    """Single tasks of variants with three seeds."""

    transfer: Rate
    """Their backward transfer, the mean over tasks."""

    noisiest: Rate
    """That of the last variant alone: the noisier one."""

    single_task: Rate
    single_transfer: Rate
    """The same of the variant with one seed."""

    alarms: Rate
    """Gates of variants with three seeds that call a regression."""


def noises(random: np.random.Generator, variants: int, noise: float, spread: Spread) -> FloatArray:
    """Return the noise of training of each variant, and of the single-seed one."""
    each = np.full(variants + 1, noise)
    if spread == "one noisier":
        each[variants - 1] *= 5
    if spread == "unequal":
        each = noise * np.exp(random.normal(0, 0.5, variants + 1))
    return each


def made(random: np.random.Generator, each: FloatArray) -> list[dict[str, FloatArray]]:
    """Return of each task: variant → seeds × items of differences from the base, with a true mean of zero."""
    seeds = [SEEDS] * (len(each) - 1) + [1]
    names = [f"variant{place}" for place in range(len(each) - 1)] + [SINGLE]
    half = np.sqrt(0.5)
    shared = [random.normal(0, noise * half, (k, 1)) for noise, k in zip(each, seeds, strict=True)]
    tasks = []
    for _ in range(TASKS):
        task = {}
        for name, noise, k, lucky in zip(names, each, seeds, shared, strict=True):
            queries = random.normal(0, ITEM_DEVIATION, ITEMS) + random.normal(0, INTERACTION, (k, ITEMS))
            task[name] = queries + lucky + random.normal(0, noise * half, (k, 1))
        tasks.append(task)
    return tasks


def resampled(tasks: list[dict[str, FloatArray]], *, plan: Resampling, pooled: bool = True) -> list[Draws]:
    """Return the draws of each task, the base (zero) among them."""
    figures = [{name: rows.mean(axis=1) for name, rows in task.items() if len(rows) > 1} for task in tasks]
    own: Mapping[str, str] = {name: name for name in tasks[0]} if pooled else {}
    prior, alone = prior_freedom(figures), noisier(figures)
    draws = []
    for number, (task, siblings) in enumerate(zip(tasks, figures, strict=True)):
        noise = TrainingNoise(siblings if pooled else {}, own, prior, alone=alone)
        on_task = Resampling(plan.n_resamples, plan.seed, f"{plan.stream}/{number}", noise=noise)
        draws.append(bootstrap({BASE: np.zeros(ITEMS), **task}, plan=on_task))
    return draws


def simulate(
    *, variants: int, noise: float, spread: Spread, sets: int, resamples: int, seed: int, pooled: bool = True
) -> Coverage:
    """Return coverage and false alarms over sets of variants.

    Args:
        variants: Variants with three seeds.
        noise: Noise of training in points.
        spread: How it differs between variants.
        sets: Number of sets.
        resamples: Resamples of each.
        seed: Seed of everything.
        pooled: Whether siblings are used.
    """
    random = np.random.default_rng([seed, variants, round(noise * 10), len(spread)])
    held: dict[str, list[bool]] = {field: [] for field in Coverage._fields}
    policy = Policy(required_gain=None)
    for number in range(sets):
        tasks = made(random, noises(random, variants, noise, spread))
        plan = Resampling(n_resamples=resamples, seed=seed, stream=f"set {number}")
        draws = resampled(tasks, plan=plan, pooled=pooled)
        mean = mean_over_tasks(draws)
        for name in tasks[0]:
            one = name == SINGLE
            held["single_task" if one else "task"] += [d.difference(name, BASE).interval.holds(0.0) for d in draws]
            whole = mean.difference(name, BASE).interval.holds(0.0)
            held["single_transfer" if one else "transfer"].append(whole)
            if name == f"variant{variants - 1}":
                held["noisiest"].append(whole)
                held["alarms"].append(_is_alarm(tasks, draws, name, policy, plan))
    return Coverage(*(Rate(sum(hits), len(hits)) for hits in held.values()))


def _is_alarm(
    tasks: list[dict[str, FloatArray]], draws: list[Draws], name: str, policy: Policy, plan: Resampling
) -> bool:
    """Return whether the gate reports a regression, of the whole or of a single task."""
    evidence = [
        Evidence(
            f"task{number}",
            "general",
            "m",
            of_task.only({name: TUNED, BASE: BASE}),
            float(sign_flip(task[name].mean(axis=0)[None], plan=plan.on(f"{plan.stream}/{number}"))[0]),
        )
        for number, (task, of_task) in enumerate(zip(tasks, draws, strict=True))
    ]
    result = judge(evidence, policy=policy)
    return result.outcome == "regression" or any(verdict.verdict == "regressed" for verdict in result.tasks)


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a small part, for the tests")
    parser.add_argument("--variants", type=int, choices=(1, 2, 4), help="only sets of so many variants")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    sets, resamples = (100, 600) if options.short else (200, 1_000)
    cases: list[tuple[int, float, Spread]] = [(4, 2.0, "alike"), (4, 0.4, "one noisier")]
    if not options.short:
        cases = [(variants, noise, "alike") for variants in (1, 2, 4) for noise in NOISES]
        cases += [(4, 0.4, "one noisier"), (4, 1.0, "unequal")]
    cases = [case for case in cases if options.variants in {None, case[0]}]
    started = time.perf_counter()
    print(f"# Few seeds: {sets} sets, {resamples:,} resamples, seed {options.seed}\n")
    print("| variants | noise of training | task | BWT | BWT, last variant | one seed: task | one seed: BWT | alarms |")
    print("|---|---|---|---|---|---|---|---|")
    is_kept = True
    for variants, noise, spread in cases:
        rates = simulate(
            variants=variants, noise=noise, spread=spread, sets=sets, resamples=resamples, seed=options.seed
        )
        print(f"| {variants} | {noise} {spread} | " + " | ".join(map(str, rates)) + " |", flush=True)
        is_kept &= all(rate.wilson[1] >= LEAST for rate in (rates.task, rates.transfer, rates.noisiest))
        if spread == "alike" and variants > 1:
            is_kept &= all(rate.wilson[0] <= MOST for rate in (rates.task, rates.transfer))
        is_kept &= rates.alarms.wilson[0] <= MOST_ALARMS
    print(f"\n{'All bounds hold' if is_kept else 'A PROMISE IS BROKEN'}; {time.perf_counter() - started:.0f} s")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
