"""How well held-back pairs are found: the only figure that decisions about the recipe look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from models.recipes.mini_zh.batches import CROPS, Tokens, pad

if TYPE_CHECKING:
    import torch

Encode = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
_LONGEST = 96


def found_first(
    encode: Encode, grouped: Mapping[str, Sequence[Tokens]], *, prompt: Sequence[int], end: int
) -> dict[str, float]:
    """Return per source the share of held-back queries whose positive is the nearest of its source."""
    import torch

    shares: dict[str, float] = {}
    with torch.no_grad():
        for name, pairs in sorted(grouped.items()):
            if name == CROPS:
                continue
            queries = torch.cat(_vectors(encode, [(*prompt, *pair.query) for pair in pairs], end=end))
            positives = torch.cat(_vectors(encode, [pair.positive for pair in pairs], end=end))
            nearest = (queries @ positives.T).argmax(dim=1).tolist()
            right = [pairs[best].positive == pair.positive for best, pair in zip(nearest, pairs, strict=True)]
            shares[name] = sum(right) / len(right)
    return shares


def _vectors(encode: Encode, texts: Sequence[Sequence[int]], *, end: int) -> list[torch.Tensor]:
    return [
        encode(*pad([text[:_LONGEST] for text in texts[start : start + 50]], end=end))
        for start in range(0, len(texts), 50)
    ]
