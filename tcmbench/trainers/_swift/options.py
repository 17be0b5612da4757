"""The options of the swift trainer; `command` passes them to ms-swift."""

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

    def device_count(self) -> int:
        """Return how many GPUs train side by side."""
        return self.devices
