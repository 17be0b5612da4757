"""InfoNCE in both directions, blind to texts that occur twice in a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def info_nce(queries: torch.Tensor, positives: torch.Tensor, *, same: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the mean of query-to-positive and positive-to-query cross entropy over the batch."""
    import torch
    from torch.nn import functional

    logits = (queries @ positives.T / temperature).masked_fill(same, float("-inf"))
    target = torch.arange(len(logits))
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2
