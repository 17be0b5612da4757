"""Hashed characters and bigrams: lexical overlap as a vector, without training (Weinberger et al., 2009)."""

from __future__ import annotations

import zlib
from collections import Counter
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
    """Size of the hash table."""

    dimensions: int = Field(default=2048, ge=1, le=65_536)
    """Buckets."""


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> StatelessEncoder:
    """Return the encoder: sublinear term frequency (1 + ln tf) in signed hash buckets."""
    dimensions = options.dimensions

    def vector(text: str) -> NDArray[np.float32]:
        import numpy as np

        from tcmbench.text.ngrams import char_bigrams

        buckets = np.zeros(dimensions, dtype=np.float32)
        for term, count in Counter(char_bigrams(text)).items():
            # crc32 is the same on every machine and in every process; Python's hash() is not.
            digest = zlib.crc32(term.encode())
            sign = 1.0 if digest & 0x80000000 else -1.0
            buckets[digest % dimensions] += sign * (1.0 + np.log(count))
        return buckets

    # A text of punctuation has no characters that count.
    return StatelessEncoder(vector, dimensions=dimensions, meta=meta, zero_means_unknown=True)
