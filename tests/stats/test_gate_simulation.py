"""Error rates of the gate, on simulated models: a short version of benchmarks/gate_simulation.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import coverage, cure_simulation
from benchmarks.few_seeds import simulate

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gate_simulation.py"


def test_a_short_simulation_keeps_coverage_and_false_alarms() -> None:
    """Intervals hold the truth as often as they say, and A/A comparisons raise at most 5% alarms."""
    done = subprocess.run([sys.executable, str(SCRIPT), "--short"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All bounds hold" in done.stdout


def test_three_seeds_cover_as_much_as_they_say_where_training_is_noisy() -> None:
    """At three times the noise of the items; each variant by itself with resampled seeds covered 88%."""
    found = simulate(variants=3, noise=2.0, spread="alike", sets=60, resamples=400, seed=7)
    assert found.task.share > 0.93
    assert found.transfer.wilson[1] > 0.95
    assert found.single_task.wilson[1] > 0.95
    assert found.alarms.wilson[0] < 0.05


def test_a_variant_noisier_than_its_siblings_is_covered_too() -> None:
    """At five times their noise; with what they lend to others it was 89%, and one alarm in eight was false."""
    rates = simulate(variants=4, noise=0.4, spread="one noisier", sets=100, resamples=400, seed=7)
    assert rates.noisiest.wilson[1] > 0.95
    assert rates.noisiest.share > 0.91
    assert rates.alarms.wilson[0] < 0.05


def test_intervals_of_cures_hold_what_they_say() -> None:
    """Of their backward transfer, of what they undo, and of what they forget less than their variant."""
    rates = cure_simulation.simulate(variants=4, noise=0.6, sets=60, resamples=400, seed=7)
    assert all(rate.hits >= 54 for rate in rates), rates
    assert all(rate.sets == 60 for rate in rates)


def test_one_seed_without_siblings_does_not_cover_its_recipe() -> None:
    """What siblings are for: the interval of the items alone misses the recipe more often than not."""
    found = simulate(variants=3, noise=2.0, spread="alike", sets=60, resamples=400, seed=7, pooled=False)
    assert found.single_task.share < 0.6


def test_few_items_of_which_few_differ_are_covered_and_plain_percentiles_do_not() -> None:
    """On scores with the ties and the skew of a search that finds nearly all."""
    population = coverage.made_up()
    found = coverage.coverage_of_means(population, ("near", "base"), items=60, sets=600, resamples=600)
    assert found.plain.wilson[1] < 0.94
    assert 0.93 < found.shown.share < 0.97
