"""The losses of ms-swift and of its plug-in (`plugin/row_losses.py`); to add one of ms-swift's, add a line."""

from __future__ import annotations

from dataclasses import dataclass

from tcmbench.trainers import Loss


@dataclass(frozen=True, slots=True)
class SwiftLoss(Loss):
    """A loss of ms-swift."""

    loss_type: str = ""
    """ms-swift's name of it; empty where it is the same. Those of our plug-in begin with tcmbench_."""

    options: tuple[str, ...] = ()
    """Options of the trainer that it alone reads."""


LOSSES = (
    SwiftLoss("infonce", in_batch="optional", contrasts=True, tempered=True),
    SwiftLoss(
        "matryoshka", tempered=True, in_batch="optional", matryoshka="always", loss_type="infonce", contrasts=True
    ),
    SwiftLoss("cosine_similarity", scored=True, score_range=(-1.0, 1.0)),
    SwiftLoss("contrastive", scored=True, may_be_zero=True),
    SwiftLoss("online_contrastive", scored=True, may_be_zero=True),
    SwiftLoss("cosent", scored=True, may_be_zero=True, tempered=True, loss_type="tcmbench_cosent"),
    # First: ms-swift's maintainers recommend pointwise over listwise for Qwen3-Reranker.
    SwiftLoss("pointwise_reranker", task="reranker"),
    SwiftLoss("listwise_reranker", task="reranker"),
    SwiftLoss("ranknet", task="reranker", loss_type="tcmbench_ranknet"),
    SwiftLoss(
        "margin_ranking", task="reranker", loss_type="tcmbench_margin_ranking", may_be_zero=True, options=("margin",)
    ),
    SwiftLoss("listnet", task="reranker", loss_type="tcmbench_listnet"),
    SwiftLoss("lambdaloss", task="reranker", loss_type="tcmbench_lambdaloss", options=("ndcg_at",)),
)
