"""Stage one: token vectors trained as a bag, in a minute, for the network to start from."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from models.recipes.mini_zh.loss import info_nce
from models.recipes.mini_zh.network import IMPORTANCE, MEAN_GAIN, REACH, UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from models.recipes.mini_zh.batches import Batch

logger = logging.getLogger(__name__)


def train_bag(
    batches: Iterator[Batch], *, vocabulary: int, width: int, end: int, steps: int, seed: int
) -> torch.Tensor:
    """Return token vectors of root mean square one whose weighted mean over a text is already an embedding."""
    import torch

    torch.manual_seed(seed)
    start = torch.randn(vocabulary, width)
    start[:, IMPORTANCE], start[:, UNIT] = 0.0, 1.0
    vectors = torch.nn.Parameter(start)
    optimiser = torch.optim.AdamW([vectors], lr=0.02, weight_decay=0.0, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0 - 0.95 * step / steps)
    for step in range(1, steps + 1):
        batch = next(batches)
        queries = bag(vectors, batch.query_ids, batch.query_last, end=end)
        positives = bag(vectors, batch.positive_ids, batch.positive_last, end=end)
        loss = info_nce(queries, positives, same=batch.same, temperature=0.05)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            logger.info("bag step %d of %d: loss %.3f (%s)", step, steps, loss.item(), batch.source)
    return torch.nn.functional.rms_norm(vectors.detach(), (width,))


def bag(vectors: torch.Tensor, ids: torch.Tensor, last: torch.Tensor, *, end: int) -> torch.Tensor:
    """Return what ``network.start`` makes the last position hold: its own vector and the weighted mean of all."""
    import torch
    from torch.nn import functional

    table = functional.rms_norm(vectors, (vectors.shape[1],))
    logits = REACH * functional.normalize(table[:, [IMPORTANCE, UNIT]], dim=1)[:, 0]
    inside = torch.arange(ids.shape[1])[None] <= last[:, None]
    weights = logits[ids].masked_fill(~inside, float("-inf")).softmax(dim=1)
    mean = functional.embedding_bag(ids, table, mode="sum", per_sample_weights=weights)
    return functional.normalize(table[end] + MEAN_GAIN * mean, dim=-1)
