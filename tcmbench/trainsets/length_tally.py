"""Lengths of texts, counted a part at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class StatisticsPart(BaseModel):
    """A part of `stats.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Lengths(StatisticsPart):
    """Lengths in tokens, prompts included, before cutting; each text counted once per example."""

    quantiles: tuple[int, ...]
    """At the shares of `QUANTILES`: shortest, 5%, 25%, median, 75%, 95%, longest."""

    share_truncated: float
    """Share of texts that were cut."""


class Tally:
    """Frequencies of lengths, and the number of texts that are too long."""

    def __init__(self) -> None:
        """Count nothing yet."""
        import numpy as np

        self._frequencies: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        self._truncated = 0

    def add(self, lengths: NDArray[np.int64], limits: NDArray[np.int64] | int) -> None:
        """Count texts with these lengths and limits, in tokens."""
        import numpy as np

        if not lengths.size:
            return
        new = np.bincount(lengths.ravel())
        size = max(len(new), len(self._frequencies))
        self._frequencies = np.pad(self._frequencies, (0, size - len(self._frequencies)))
        self._frequencies[: len(new)] += new
        self._truncated += int((lengths > limits).sum())

    def result(self) -> Lengths | None:
        """Return the lengths; None if nothing was counted."""
        import numpy as np

        upto = np.cumsum(self._frequencies)
        if not upto[-1]:
            return None
        # The smallest length that at least this share of all texts doesn't exceed.
        wanted = np.maximum(1, np.ceil(np.array(QUANTILES) * upto[-1]))
        at = np.searchsorted(upto, wanted).tolist()
        return Lengths(quantiles=tuple(at), share_truncated=self._truncated / int(upto[-1]))
