"""Networks without their weights, for a model whose tokenizer and settings are used here while it runs elsewhere."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOADING = ("missing_keys", "unexpected_keys", "mismatched_keys")


@contextlib.contextmanager
def without_weights() -> Iterator[None]:
    """Build every transformers model in this context on torch's device `meta`: no file of weights is read."""
    import torch
    from transformers import PreTrainedModel

    original = PreTrainedModel.__dict__["from_pretrained"]

    def from_pretrained(cls: type[PreTrainedModel], /, *_: Any, config: Any, **arguments: Any) -> Any:
        with torch.device("meta"):
            model = cls(config).eval()
        wants_loading = arguments.get("output_loading_info", False)
        return (model, {name: [] for name in _LOADING}) if wants_loading else model

    setattr(PreTrainedModel, "from_pretrained", classmethod(from_pretrained))  # noqa: B010 (a method, as mypy sees it)
    try:
        yield
    finally:
        setattr(PreTrainedModel, "from_pretrained", original)  # noqa: B010
