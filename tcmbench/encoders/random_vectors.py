"""Random unit vectors, one per text: the score of chance."""

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
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> StatelessEncoder:
    """Return the encoder; the vector of a text depends on the text and the seed alone."""
    dimensions = options.dimensions

    def vector(text: str) -> NDArray[np.float32]:
        import numpy as np

        digest = hashlib.sha256(f"{seed}\n{text}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        return generator.standard_normal(dimensions).astype(np.float32)

    return StatelessEncoder(vector, dimensions=dimensions, meta=meta)
