"""Model FLOPs utilisation: the operations that a model needs, over those that its device could do in that time.

Per token a forward multiplies by every weight of the layers, 2 operations each, and attends to the tokens before:
``4 · layers · heads · head size · length / 2`` on average for a causal text of that length. Embedding lookup, norms and
the head are left out. A training of all weights needs three times as much (forward, gradients of activations, gradients
of weights), LoRA twice; what gradient checkpointing computes again doesn't count (Chowdhery et al. 2022, PaLM, app. B).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.recipes.qwen3_shape import Shape

Work = Literal["forward", "lora", "full"]

_FORWARDS: Mapping[Work, int] = {"forward": 1, "lora": 2, "full": 3}

PEAKS: Mapping[str, float] = {
    "H200": 989, "H100 PCIe": 756, "H100 NVL": 835, "H100": 989, "A100": 312, "A800": 312, "H800": 989, "H20": 148,
    "A40": 150, "A30": 165, "A10": 125, "L40S": 362, "L40": 181, "L4": 121, "RTX 4090": 165, "RTX 3090": 71,
    "V100": 125,
}  # fmt: skip
"""Words of a device's name → dense TFLOP/s in bfloat16 (V100: float16), tensor cores with float32 sums, of data sheets.
The first that fits counts."""


def flops(shape: Shape, *, tokens: int, texts: int, work: Work) -> float:
    """Return the operations of a model of a shape on texts of equal length."""
    queries = shape.heads * shape.head
    layer = shape.hidden * (2 * queries + 2 * shape.key_value_heads * shape.head + 3 * shape.inner)
    per_token = shape.layers * (2 * layer + 2 * queries * tokens / max(texts, 1))
    return _FORWARDS[work] * tokens * per_token


def peak(device: str) -> float | None:
    """Return the TFLOP/s of a named device; None for one that isn't listed."""
    return next((value for name, value in PEAKS.items() if re.search(rf"\b{name}\b", device)), None)
