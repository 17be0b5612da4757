"""How transformers computes attention: an argument of its models, checked before weights are read."""

from __future__ import annotations

import contextlib
import importlib.util
from typing import TYPE_CHECKING

from tcmbench.errors import MissingExtra, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcmbench.specs.base import Base

_REFUSALS = ("does not support", "attn_implementation", "FlashAttention", "Flash Attention", "flash_attn")
"""Words of transformers' messages about an implementation of attention."""


def attention_arguments(base: Base, *, device: str | None) -> dict[str, str]:
    """Return the argument of `from_pretrained` for a base's attention; nothing where the base names none.

    Args:
        base: The base.
        device: Device of the model; `meta` for a model that is computed elsewhere. None: the GPU where there is one.

    Raises:
        SpecError: Flash attention in float32, or without a GPU.
        MissingExtra: Flash attention that isn't installed.
    """
    if base.attention is None or device == "meta":
        return {}
    if base.attention == "flash_attention_2":
        _require_flash_attention(base, device=device)
    return {"attn_implementation": base.attention}


@contextlib.contextmanager
def explained(base: Base) -> Iterator[None]:
    """Translate the refusal of a network that has no such attention, or of a library that can't compute it here.

    Raises:
        SpecError: It has none. MissingExtra: Library or GPU don't suffice.
    """
    try:
        yield
    except (ValueError, ImportError) as error:
        if base.attention is None or not any(word in str(error) for word in _REFUSALS):
            raise
        kind = MissingExtra if isinstance(error, ImportError) else SpecError
        raise kind(
            f'base {base.name}: its network can\'t be computed with attention = "{base.attention}": '
            f"{str(error).splitlines()[0].rstrip('.')}. Remove `attention`, or set another."
        ) from error


def _require_flash_attention(base: Base, *, device: str | None) -> None:
    import torch

    # Here, as a derived base has the precision of another, which its own file doesn't name.
    if base.dtype == "float32":
        raise SpecError(
            f'base {base.name}: attention = "flash_attention_2" has no float32. Set dtype = "bfloat16" (or "float16").'
        )
    on_gpu = torch.cuda.is_available() if device is None else device.startswith("cuda")
    if not on_gpu:
        raise SpecError(
            f'base {base.name}: attention = "flash_attention_2" is computed on a GPU with CUDA alone, and the model is '
            f"loaded on {device or 'the processor, as torch sees no GPU'}. Set another `attention`, or remove it."
        )
    if importlib.util.find_spec("flash_attn") is None:
        raise MissingExtra(
            f'base {base.name}: attention = "flash_attention_2" needs flash-attn, which is not installed. Run: pip '
            'install flash-attn --no-build-isolation, or set attention = "sdpa".'
        )
