"""Networks without their weights, for a model whose tokenizer and settings are used here while it runs elsewhere."""

from __future__ import annotations

import contextlib
import importlib.util
from typing import TYPE_CHECKING, Any

from tcmbench.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def without_weights() -> Iterator[None]:
    """Load every transformers model in this context on torch's device `meta`.

    Of files of weights the names and shapes are read, so that `strict_weights` compares them with the network as ever:
    vLLM 0.32 starts without an error where weights of a BERT are missing, and computes with whatever is in memory.

    Raises:
        MissingExtra: accelerate isn't installed, which transformers needs for this.
    """
    if importlib.util.find_spec("accelerate") is None:
        raise MissingExtra(
            "Opening a model without its weights needs accelerate, which is not installed. Run: pip install accelerate"
        )
    from transformers import PreTrainedModel

    original = PreTrainedModel.__dict__["from_pretrained"]

    def from_pretrained(cls: type[PreTrainedModel], /, *args: Any, **arguments: Any) -> Any:
        return original.__func__(cls, *args, **{**arguments, "device_map": "meta"})

    setattr(PreTrainedModel, "from_pretrained", classmethod(from_pretrained))  # noqa: B010 (a method, as mypy sees it)
    try:
        yield
    finally:
        setattr(PreTrainedModel, "from_pretrained", original)  # noqa: B010
