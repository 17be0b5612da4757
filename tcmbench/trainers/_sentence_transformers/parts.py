"""InfoNCE over a batch whose texts are encoded in parts of similar length, so that less padding is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tcmbench.trainers._sentence_transformers.info_nce import InfoNCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sentence_transformers import SentenceTransformer
    from torch import Tensor

    from tcmbench.specs.variant import Training


class InfoNCEInParts(InfoNCE):
    """The loss and gradients of `InfoNCE`; unlike with cached losses, a text is encoded once."""

    def __init__(self, model: SentenceTransformer, training: Training, *, tokens: int) -> None:
        """Prepare the loss.

        Args:
            model: Encodes the texts.
            training: The recipe.
            tokens: Most tokens of a part, with its padding.
        """
        super().__init__(model, training)
        self._tokens = tokens

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss of a batch."""
        vectors = [self._vectors(features) for features in sentence_features]
        loss: Tensor = self.compute_loss_from_embeddings(vectors, labels)
        return loss

    def _vectors(self, features: Mapping[str, Any]) -> Tensor:
        """Return the vectors of one column, in the order of its texts."""
        # Columns before a text's last token are kept: positions count from the first column.
        mask = features["attention_mask"]
        ends = (mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)).amax(dim=1)
        order = torch.argsort(ends, stable=True)
        parts = parts_of(ends[order].tolist(), tokens=self._tokens)
        encoded = [self.model(_part(features, order[part.start : part.stop], ends)) for part in parts]
        vectors = torch.cat([part["sentence_embedding"] for part in encoded])
        return vectors[torch.argsort(order)]


def parts_of(lengths: list[int], *, tokens: int) -> list[range]:
    """Return the places of each part: as many texts as fit, padded to the longest, at least one.

    Args:
        lengths: Length of each text, ascending.
        tokens: Most tokens of a part.
    """
    parts = [range(0)]
    for place, length in enumerate(lengths):
        start = parts[-1].start
        if place > start and (place + 1 - start) * length > tokens:
            start = place
            parts.append(range(start, start))
        parts[-1] = range(start, place + 1)
    return parts


def _part(features: Mapping[str, Any], rows: Tensor, ends: Tensor) -> dict[str, Any]:
    """Return some texts of a column, without the columns that are padding in all of them."""
    size, width = features["attention_mask"].shape
    end = int(ends[rows].max())
    part = dict(features)
    for name, value in features.items():
        if isinstance(value, torch.Tensor) and value.shape[:1] == (size,):
            chosen = value[rows]
            part[name] = chosen[:, :end] if value.shape[1:2] == (width,) else chosen
    return part
