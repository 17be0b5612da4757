"""Formulas over parts of tensors; all return new tensors, in the precision of the given ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch


def mean(tuned: Sequence[torch.Tensor], weights: Sequence[float]) -> torch.Tensor:
    """Return sum(weight_i * tuned_i); of a single model with weight 1, exactly its values."""
    import torch

    if len(tuned) == 1 and weights[0] == 1.0:
        return tuned[0]
    total = torch.zeros_like(tuned[0])
    for values, weight in zip(tuned, weights, strict=True):
        total += weight * values
    return total


def interpolated(base: torch.Tensor, tuned: torch.Tensor, alpha: float) -> torch.Tensor:
    """Return (1 - alpha) * base + alpha * tuned; both ends exactly, which rounding would miss by a negative zero."""
    import torch

    if alpha in {0.0, 1.0}:
        return tuned if alpha else base
    return torch.lerp(base, tuned, alpha)


def moved(base: torch.Tensor, tuned: Sequence[torch.Tensor], weights: Sequence[float], scale: float) -> torch.Tensor:
    """Return base + scale * sum(weight_i * (tuned_i - base)); for one model at 0 and 1 exactly base and tuned."""
    if len(tuned) == 1:
        factor = scale * weights[0]
        if 0.0 <= factor <= 1.0:
            return interpolated(base, tuned[0], factor)
    if scale == 0.0:
        return base
    total = base.clone()
    for values, weight in zip(tuned, weights, strict=True):
        total += (scale * weight) * (values - base)
    return total


def trimmed(change: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return a change with its values below a magnitude set to 0 (the first step of TIES)."""
    return change * (change.abs() >= threshold)


def elected(changes: Sequence[torch.Tensor], weights: Sequence[float]) -> torch.Tensor:
    """Return the weighted mean of the changes that have the sign of their weighted sum (the last two steps of TIES).

    Where no change is left it is 0. The source takes the mean over models whose change isn't 0; so do we.
    """
    import torch

    stacked = torch.stack([*changes])
    shares = torch.tensor([*weights], dtype=stacked.dtype).reshape(-1, *[1] * (stacked.dim() - 1))
    sign = torch.sign((stacked * shares).sum(dim=0))
    agreeing = (torch.sign(stacked) == sign) & (stacked != 0)
    total = (stacked * shares * agreeing).sum(dim=0)
    count = (shares * agreeing).sum(dim=0)
    return torch.where(count > 0, total / count.clamp_min(torch.finfo(stacked.dtype).tiny), torch.zeros_like(total))


def dropped(change: torch.Tensor, *, rate: float, generator: np.random.Generator) -> torch.Tensor:
    """Return a change of which each value is 0 with probability `rate`, else divided by 1 - rate (DARE).

    Its expectation is the change.
    """
    import torch

    if rate == 0.0:
        return change
    kept = torch.from_numpy(generator.random(change.numel()) >= rate).reshape(change.shape)
    return change * kept / (1.0 - rate)


def on_arc(
    base: torch.Tensor, tuned: torch.Tensor, alpha: float, *, angle: float, lengths: tuple[float, float]
) -> torch.Tensor:
    """Return the point at `alpha` on the arc between two tensors (SLERP), with their lengths interpolated.

    The source, Shoemake 1985, interpolates unit vectors; their lengths, here the two norms, are interpolated linearly.

    Args:
        base: Part of the base's tensor.
        tuned: Part of the tuned model's.
        alpha: 0 for the base, 1 for the tuned model.
        angle: Angle between the whole tensors, in radians, above 0.
        lengths: Norms of the whole tensors.
    """
    import math

    of_base, of_tuned = lengths
    length = (1 - alpha) * of_base + alpha * of_tuned
    left = math.sin((1 - alpha) * angle) / math.sin(angle) * length / of_base
    right = math.sin(alpha * angle) / math.sin(angle) * length / of_tuned
    return left * base + right * tuned
