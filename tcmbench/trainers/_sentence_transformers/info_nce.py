"""InfoNCE with terms between queries, terms between documents and a mask of false negatives, and its accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from torch.nn.functional import cross_entropy, normalize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sentence_transformers import SentenceTransformer
    from torch import Tensor

    from tcmbench.specs.variant import Training


class BatchAccuracy:
    """The share of queries whose positive is the closest of all documents in their batch."""

    def __init__(self) -> None:
        self._hits: list[Tensor] = []
        self._width = 0

    def add(self, vectors: Sequence[Tensor]) -> None:
        """Add a batch in training; of Matryoshka's prefixes only the longest counts.

        Args:
            vectors: Of queries, positives and negatives, each [examples, dimensions].
        """
        width = vectors[0].shape[1]
        if width < self._width or not torch.is_grad_enabled():
            return
        self._width = width
        with torch.no_grad():
            scores = normalize(vectors[0], dim=1) @ normalize(torch.cat([*vectors[1:]]), dim=1).T
            # A copy of the positive that is a negative elsewhere ties with it.
            self._hits.append((scores.diagonal() >= scores.amax(dim=1)).float())

    def take(self) -> float | None:
        """Return the share since the last call; None where no batch was added."""
        hits, self._hits = self._hits, []
        return float(torch.cat(hits).mean()) if hits else None


def info_nce(vectors: Sequence[Tensor], training: Training) -> Tensor:
    """Return InfoNCE with the terms and the mask of a recipe, as ms-swift computes it (`swift/loss/embedding.py`).

    The loss of query i is −log(exp(s(q_i, d_i)/τ) / Z_i). Z_i sums exp(s/τ) over s(q_i, d) for all documents d of the
    batch, with `query_query` over s(q_i, q_j) for the other queries, and with `document_document` over s(d_i, d) for
    all documents but d_i itself. The mask leaves out what is closer to q_i than its positive by more than the margin;
    terms between documents aren't masked. This is the loss of Qwen3-Embedding (Zhang et al. 2025).

    Args:
        vectors: Of queries, positives and negatives, each [examples, dimensions].
        training: The recipe.
    """
    queries, positives = normalize(vectors[0], dim=1), normalize(vectors[1], dim=1)
    documents = torch.cat([positives, *(normalize(column, dim=1) for column in vectors[2:])])
    itself = torch.eye(len(queries), dtype=torch.bool, device=queries.device)
    scores = queries @ documents.T
    terms = [scores]
    if training.query_query:
        terms.append((queries @ queries.T).masked_fill(itself, -torch.inf))
    if training.mask_false_negatives is not None:
        highest = scores.diagonal().detach().unsqueeze(1) + training.mask_false_negatives
        terms = [term.masked_fill(term > highest, -torch.inf) for term in terms]
    if training.document_document:
        between = positives @ documents.T
        is_itself = torch.cat([itself, itself.new_zeros(len(queries), len(documents) - len(queries))], dim=1)
        terms.append(between.masked_fill(is_itself, -torch.inf))
    places = torch.arange(len(queries), device=queries.device)
    return cross_entropy(torch.cat(terms, dim=1) / training.temperature, places)


def has_terms(training: Training) -> bool:
    """Return whether a recipe has more than the plain loss."""
    return training.query_query or training.document_document or training.mask_false_negatives is not None


class InfoNCE(MultipleNegativesRankingLoss):
    """sentence-transformers' loss where the recipe has no terms, `info_nce` where it has."""

    def __init__(self, model: SentenceTransformer, training: Training) -> None:
        super().__init__(model, scale=1.0 / training.temperature)
        self.accuracy = BatchAccuracy()
        self._training = training

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """Return the loss of a batch from the vectors of its columns."""
        self.accuracy.add(embeddings)
        if has_terms(self._training):
            return info_nce(embeddings, self._training)
        loss: Tensor = super().compute_loss_from_embeddings(embeddings, labels)
        return loss


class CachedInfoNCE(CachedMultipleNegativesRankingLoss):
    """The same with the gradients of vectors cached, so that memory doesn't grow with the batch."""

    def __init__(self, model: SentenceTransformer, training: Training, **parts: Any) -> None:
        super().__init__(model, scale=1.0 / training.temperature, **parts)
        self.accuracy = BatchAccuracy()
        self._training = training

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """Return the loss of a batch from the vectors of the parts of its columns."""
        vectors = [torch.cat(parts) for parts in reps]
        self.accuracy.add(vectors)
        if not has_terms(self._training):
            plain: Tensor = super().calculate_loss(reps, labels, with_backward=with_backward)
            return plain
        loss = info_nce(vectors, self._training)
        if with_backward:
            loss.backward()  # type: ignore[no-untyped-call]
            loss = loss.detach()
        return loss
