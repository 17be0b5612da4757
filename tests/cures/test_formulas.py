"""The formulas of the cures of weights, on values that can be computed by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tcmbench.cures.weights import formulas
from tests.cures.scene import cured, model, tensors, work


def test_ties_trims_elects_and_averages() -> None:
    """The example of figure 1 of the source: small changes are reset, contradicting ones don't pull at the mean."""
    changes = [torch.tensor([0.9, -0.1, 0.5, 0.0]), torch.tensor([-0.2, -0.7, 0.3, 0.0])]
    kept = [formulas.trimmed(changes[0], 0.5), formulas.trimmed(changes[1], 0.3)]
    assert torch.equal(kept[0], torch.tensor([0.9, -0.0, 0.5, 0.0]))
    elected = formulas.elected(kept, (0.5, 0.5))
    assert torch.allclose(elected, torch.tensor([0.9, -0.7, 0.4, 0.0]))


def test_ties_lets_the_larger_sum_decide_the_sign() -> None:
    """Where models contradict each other, only those of the elected sign are averaged."""
    changes = [torch.tensor([1.0]), torch.tensor([-0.4]), torch.tensor([0.6])]
    assert torch.allclose(formulas.elected(changes, (1, 1, 1)), torch.tensor([0.8]))
    assert torch.allclose(formulas.elected(changes, (1, 10, 1)), torch.tensor([-0.4]))


def test_ties_keeps_the_largest_changes_of_each_tensor(tmp_path: Path) -> None:
    """At density 0.2 a fifth of the values of each tensor differ from the base's: the largest changes."""
    base, tuned = tensors(0), tensors(1)
    inputs = work(model(tmp_path, "base", base), model(tmp_path, "tuned", tuned))
    made = cured("ties", inputs, tmp_path / "out", density=0.2)
    name = "embed.weight"
    change = (tuned[name] - base[name]).abs().flatten()
    expected = set(torch.argsort(change, descending=True)[: round(0.2 * change.numel())].tolist())
    assert set(torch.nonzero((made[name] != base[name]).flatten()).flatten().tolist()) == expected


def test_dare_keeps_the_expectation() -> None:
    """Half of the values are dropped, the others doubled."""
    change = torch.ones(100_000)
    left = formulas.dropped(change, rate=0.5, generator=np.random.default_rng(0))
    assert set(left.tolist()) == {0.0, 2.0}
    assert float(left.mean()) == pytest.approx(1.0, abs=0.02)


def test_dare_depends_on_the_seed_alone(tmp_path: Path) -> None:
    """The same seed drops the same values; another drops others."""
    base, tuned = model(tmp_path, "base", tensors(0)), model(tmp_path, "tuned", tensors(1))
    made = [
        cured("dare", work(base, tuned, seed=seed), tmp_path / str(place), rate=0.9)["embed.weight"]
        for place, seed in enumerate((0, 0, 1))
    ]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_slerp_goes_along_the_arc() -> None:
    """Half way between two perpendicular unit vectors is the unit vector between them, not the shorter chord."""
    base, tuned = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    middle = formulas.on_arc(base, tuned, 0.5, angle=math.pi / 2, lengths=(1.0, 1.0))
    assert torch.allclose(middle, torch.tensor([math.sqrt(0.5)] * 2))
    longer = formulas.on_arc(base, 3 * tuned, 0.5, angle=math.pi / 2, lengths=(1.0, 3.0))
    assert torch.allclose(longer, 2 * torch.tensor([math.sqrt(0.5)] * 2))


def test_task_arithmetic_adds_what_each_model_learned() -> None:
    """Two changes add up; a scale above 1 extrapolates."""
    base, tuned = torch.tensor([1.0]), [torch.tensor([1.5]), torch.tensor([0.8])]
    assert torch.allclose(formulas.moved(base, tuned, (1, 1), 1.0), torch.tensor([1.3]))
    assert torch.allclose(formulas.moved(base, tuned[:1], (1,), 2.0), torch.tensor([2.0]))
