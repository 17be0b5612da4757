"""Options of the encoders that run an exported network; forms and boards read them without such an encoder's code."""

from __future__ import annotations

from pydantic import Field

from tcmbench.plugins import PluginOptions


class ExportedOptions(PluginOptions):
    """How an exported network is run."""

    batch_tokens: int | None = Field(default=None, ge=1)
    """Tokens per batch, padding included; texts of similar length share one. None: those of a processor."""

    precision: str
    """Precision of the weights, or of the computation, in the words of the engine."""

    @property
    def dtype(self) -> str:
        """The precision in the words of boards."""
        return {"f32": "float32", "bf16": "bfloat16"}.get(self.precision, self.precision)
