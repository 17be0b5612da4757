"""Dropout of a training: the field of a recipe, set on a network that is open already.

Networks keep their rates in modules or in attributes of their attention; those of adapters have their own field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from torch import nn

_ATTRIBUTES = ("attention_dropout", "dropout", "dropout_prob", "attention_dropout_prob")
"""Names under which networks of transformers keep a rate as a number."""

_OF_ADAPTERS = ".lora_dropout."


def set_rate(network: nn.Module, rate: float | None, *, where: str) -> None:
    """Set all dropouts of a network to one rate, except those of adapters.

    Args:
        network: Changed in place; its configuration is not, so it is written as before.
        rate: Between 0 and 1; None leaves the network as its configuration says.
        where: Names the variant in messages.

    Raises:
        SpecError: A rate above 0 for a network without any dropout.
    """
    if rate is None:
        return
    from torch import nn

    found = False
    for name, module in network.named_modules():
        if _OF_ADAPTERS in f".{name}.":
            continue
        if isinstance(module, nn.Dropout):
            module.p, found = rate, True
        for attribute in _ATTRIBUTES:
            if isinstance(getattr(module, attribute, None), float):
                setattr(module, attribute, rate)
                found = True
    if rate and not found:
        raise SpecError(f"{where}: training.dropout = {rate}, but the network of its base has no dropout. Remove it.")
