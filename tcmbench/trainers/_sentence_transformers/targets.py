"""Losses whose target comes with the row: a score and its weight, or the scores of a teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from sentence_transformers.base.losses.merged_forward import embed_columns
from sentence_transformers.sentence_transformer.losses import MarginMSELoss
from sentence_transformers.util import pairwise_cos_sim

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from sentence_transformers import SentenceTransformer
    from torch import Tensor


class WeightedMSE(torch.nn.Module):
    """The mean over pairs of weight · (cos(a, b) − score)²; with weights of 1 the plain mean squared error."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            sentence_features: Tokens of the two columns.
            labels: Score and weight of each pair [pairs, 2].
        """
        first, second = embed_columns(self.model, sentence_features)
        errors = (pairwise_cos_sim(first, second) - labels[:, 0]).square()
        return (labels[:, 1] * errors).mean()


class MarginMSE(MarginMSELoss):
    """The mean of ((cos(q, d⁺) − cos(q, d⁻)) − (t⁺ − t⁻) / τ)² over all negatives (Hofstätter et al. 2020).

    t are the scores of the teacher and τ its temperature, which brings the scores of another scale, such as logits,
    within reach of cosine similarities.
    """

    def __init__(self, model: SentenceTransformer, *, teacher_temperature: float) -> None:
        super().__init__(model, similarity_fct=pairwise_cos_sim)
        self._temperature = teacher_temperature

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            embeddings: Of queries, positives and negatives, each [examples, dimensions].
            labels: Scores of the teacher [examples, 1 + negatives].
        """
        loss: Tensor = super().compute_loss_from_embeddings(embeddings, labels / self._temperature)
        return loss
