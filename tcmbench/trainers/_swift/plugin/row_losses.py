"""Losses that ms-swift doesn't have: pairwise and listwise ones of rerankers, and CoSENT.

Most are those of sentence-transformers, applied to what ms-swift's network returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from sentence_transformers.cross_encoder.losses import LambdaLoss, ListNetLoss, RankNetLoss
from sentence_transformers.sentence_transformer.losses import CoSENTLoss
from swift.loss import BaseLoss, loss_map
from torch.nn.functional import relu

from tcmbench.trainers._swift.plugin import guard_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class RankNet(BaseLoss):
    """The mean of log(1 + exp(s⁻ − s⁺)) over all negatives (Burges et al. 2005)."""

    def __call__(self, outputs: Any, labels: Tensor, **_: object) -> Tensor:
        """Return the loss of a batch."""
        return _of_library(RankNetLoss, rows_of(outputs, labels), reduction_log="natural")


class ListNet(BaseLoss):
    """The mean over rows of the cross-entropy between the softmax of labels and of logits (Cao et al. 2007)."""

    def __call__(self, outputs: Any, labels: Tensor, **_: object) -> Tensor:
        """Return the loss of a batch."""
        return _of_library(ListNetLoss, rows_of(outputs, labels))


class Lambda(BaseLoss):
    """RankNet in bits, each pair weighted by what it is worth to NDCG: NDCG-Loss2++ (Wang et al. 2018)."""

    def __call__(self, outputs: Any, labels: Tensor, **_: object) -> Tensor:
        """Return the loss of a batch."""
        return _of_library(LambdaLoss, rows_of(outputs, labels), k=guard_file.read()["ndcg_at"])


class MarginRanking(BaseLoss):
    """The mean of max(0, margin − (s⁺ − s⁻)) over all negatives (Herbrich et al. 2000)."""

    def __call__(self, outputs: Any, labels: Tensor, **_: object) -> Tensor:
        """Return the loss of a batch."""
        margin = guard_file.read()["margin"]
        return torch.cat([relu(margin - (row[0] - row[1:])) for row in rows_of(outputs, labels)]).mean()


class CoSENT(BaseLoss):
    """log(1 + Σ exp((cosᵢ − cosⱼ) / τ)) over pairs of texts where i has the lower score (Huang et al. 2024)."""

    def __call__(self, outputs: Any, labels: Tensor, **_: object) -> Tensor:
        """Return the loss of a batch, whose vectors are the two of each pair in turn."""
        vectors = outputs["last_hidden_state"]
        loss = CoSENTLoss(None, scale=1.0 / guard_file.read()["temperature"])
        value: Tensor = loss.compute_loss_from_embeddings([vectors[::2], vectors[1::2]], labels)
        return value


def rows_of(outputs: Any, labels: Tensor) -> tuple[Tensor, ...]:
    """Return the logits of each row: of its positive, then of its negatives.

    Args:
        outputs: Its logits are those of all documents of the batch, in the order of the file.
        labels: 1 for positives and 0 for negatives [documents].
    """
    starts = torch.nonzero(labels > 0).flatten().tolist()
    sizes = [end - start for start, end in zip(starts, [*starts[1:], len(labels)], strict=True)]
    rows: tuple[Tensor, ...] = outputs.logits.reshape(-1).float().split(sizes)
    return rows


class _Computed:
    """Stands for the network in a loss of sentence-transformers: its logits are computed already."""

    num_labels = 1

    def __init__(self, logits: Tensor) -> None:
        self.device = logits.device
        self._logits = logits

    def preprocess(self, *_: object, **__: object) -> dict[str, Tensor]:
        return {}

    def __call__(self, *_: object) -> dict[str, Tensor]:
        return {"scores": self._logits}


def _of_library(kind: Any, rows: Sequence[Tensor], **options: Any) -> Tensor:
    """Return a cross-encoder loss of sentence-transformers for the logits of rows."""
    loss = kind(_Computed(torch.cat([*rows])), mini_batch_size=-1, **options)
    labels = [torch.eye(1, len(row), device=row.device)[0] for row in rows]
    value: Tensor = loss(([""] * len(rows), [[""] * len(row) for row in rows]), labels)
    return value


def register() -> None:
    """Register the losses with ms-swift."""
    loss_map.update(
        tcmbench_ranknet=RankNet,
        tcmbench_listnet=ListNet,
        tcmbench_lambdaloss=Lambda,
        tcmbench_margin_ranking=MarginRanking,
        tcmbench_cosent=CoSENT,
    )
