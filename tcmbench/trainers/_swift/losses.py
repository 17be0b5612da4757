"""The losses of ms-swift: a new one is one line here."""

from __future__ import annotations

from dataclasses import dataclass

from tcmbench.trainers import Loss


@dataclass(frozen=True, slots=True)
class SwiftLoss(Loss):
    """A loss of ms-swift."""

    loss_type: str = ""
    """What ms-swift calls it; empty where that is its name."""


LOSSES = (
    SwiftLoss("infonce", in_batch="optional"),
    SwiftLoss("matryoshka", in_batch="optional", matryoshka="always", loss_type="infonce"),
    SwiftLoss("cosine_similarity", scored=True),
    SwiftLoss("contrastive", scored=True, may_be_zero=True),
    SwiftLoss("online_contrastive", scored=True, may_be_zero=True),
    # the first: its maintainers advise pointwise over listwise for Qwen3-Reranker
    SwiftLoss("pointwise_reranker", task="reranker"),
    SwiftLoss("listwise_reranker", task="reranker"),
)
