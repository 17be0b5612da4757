"""L2-SP, decoupled: after each step the weights move back towards the base's (docs/cures.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import TrainerCallback


def pull(weight: torch.Tensor, start: torch.Tensor, *, share: float) -> None:
    """Move a weight in place by a share of the way to its start: w ← w + min(1, share) · (start − w).

    A share of 0 leaves it unchanged to the bit, 1 and more gives the start to the bit.
    """
    if share >= 1:
        weight.copy_(start)
    elif share > 0:
        weight.lerp_(start, share)


def start_pull(model: torch.nn.Module, *, strength: float) -> TrainerCallback:
    """Return a callback that applies L2-SP, with the present weights of the model as the start.

    Args:
        model: The base, before any checkpoint is loaded.
        strength: λ of w ← w − η λ (w − start), where η is the learning rate of the weight at this step.
    """
    import torch
    from transformers import TrainerCallback

    starts = {weight: weight.detach().clone() for weight in model.parameters() if weight.requires_grad}

    class StartPull(TrainerCallback):
        """Pulls the weights after each optimiser step."""

        def on_optimizer_step(self, args: Any, state: Any, control: Any, *, optimizer: Any, **_: object) -> None:
            """Pull each weight at the learning rate of its group."""
            del args, state, control
            with torch.no_grad():
                for group in optimizer.param_groups:
                    for weight in group["params"]:
                        start = starts.get(weight)
                        if start is not None:
                            pull(weight, start.to(weight.device), share=group["lr"] * strength)

    return StartPull()
