"""Random unit vectors, one a text: what a score is worth when the model knows nothing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import Field

from tcmbench.encoders import EMBEDS
from tcmbench.encoders.runtime.stateless import StatelessEncoder
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray

    from tcmbench.specs.base import Base

REVISION = "1"
ABILITIES = {"baseline": EMBEDS}
WEIGHTS = "built in"


class Options(PluginOptions):
    """Size of the vectors."""

    dimensions: int = Field(default=128, ge=1, le=65_536)
    """Dimensions."""


def load(
    base: Base, *, options: PluginOptions, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> StatelessEncoder:
    """Return the encoder; the vector of a text depends on the text and the seed alone."""
    del base, model_dir, device
    if not isinstance(options, Options):
        raise TypeError(f"expected {Options}, got {type(options)}")
    dimensions = options.dimensions

    def vector(text: str) -> NDArray[np.float32]:
        import numpy as np

        digest = hashlib.sha256(f"{seed}\n{text}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        return generator.standard_normal(dimensions).astype(np.float32)

    return StatelessEncoder(vector, dimensions=dimensions, meta=meta)
