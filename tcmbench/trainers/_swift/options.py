"""The options of the swift trainer; to add one, add a field here and its argument to `arguments`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tcmbench.trainers._runtime.matryoshka import MatryoshkaOptions


class Options(MatryoshkaOptions):
    """What ms-swift alone can do."""

    attention: Literal["auto", "sdpa", "flash_attention_2", "eager"] = "auto"
    """Implementation of attention."""

    deepspeed: Literal["zero1", "zero2", "zero3"] | None = None
    """DeepSpeed configuration for several GPUs."""

    devices: int = Field(default=1, ge=1)
    """GPUs to train on (NPROC_PER_NODE)."""

    margin: float = Field(default=1.0, gt=0)
    """Difference of logits that `margin_ranking` asks for between the positive and each negative."""

    ndcg_at: int | None = Field(default=None, ge=1)
    """k of the NDCG@k that `lambdaloss` weights pairs by: pairs below rank k don't count; None: all."""

    def device_count(self) -> int:
        """Return how many GPUs train in parallel."""
        return self.devices

    def arguments(self) -> dict[str, str]:
        """Return the arguments of ms-swift that follow from the options alone, by name."""
        arguments: dict[str, str] = {}
        if self.matryoshka_dims:
            dims = ", ".join(f'"{dim}": 1.0' for dim in self.matryoshka_dims)
            arguments["mrl_dims"] = f"{{{dims}}}"
        if self.deepspeed is not None:
            arguments["deepspeed"] = self.deepspeed
        return arguments
