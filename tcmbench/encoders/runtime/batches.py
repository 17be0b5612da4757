"""Batches of texts of similar length: sorted, up to a budget of tokens, smaller where memory runs out.

The cost of a batch is its longest text times the number of texts. Sorting by length leaves hardly any padding, and with
the longest texts first a lack of memory shows in the first batch and not after an hour.
"""

from __future__ import annotations

import gc
import logging
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.encoders.runtime.resident import end_unused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

CPU_TOKENS = 2048
"""On a core a batch is fastest while it fits the processor's caches (see `python -m benchmarks.encode`)."""

GPU_TOKENS = 8192
FREE_TOKENS = 65_536
"""For models without a cost per padded token: vectors are looked up and averaged."""

_MOST_GPU_TOKENS = 65_536
_GPU_SHARE = 0.5
_REPORT_SECONDS = 0.5

# Messages of torch on Linux and Windows when main memory runs out, which has no error class.
_CPU_MESSAGES = ("can't allocate memory", "not enough memory")


class Computed(NamedTuple):
    """Progress on a list of texts or pairs."""

    texts: int
    """Texts that are computed."""

    of_texts: int
    """Texts of the list."""

    tokens: int
    """Tokens that are computed."""

    of_tokens: int
    """Tokens of the list."""

    seconds: float
    """Time since the start of the list."""


class Batches:
    """A budget of tokens per batch, with counters of what was computed."""

    def __init__(self, tokens: int, *, are_padded: bool = True) -> None:
        """Start with a budget of tokens per batch.

        Args:
            tokens: The budget, padding included.
            are_padded: Whether the texts of a batch are padded to the longest; without, they are computed as one row.
        """
        self.budget = tokens
        self._are_padded = are_padded
        self.report: Callable[[Computed], None] | None = None
        """Receives the progress on a list, at most twice a second."""
        self._list = Computed(0, 0, 0, 0, 0.0)
        self._started = self._reported = 0.0
        self.texts = 0
        self.tokens = 0
        """Tokens of the texts."""
        self.padded = 0
        """Tokens computed, padding included; a shared beginning once."""

    def begin(self, lengths: NDArray[np.int64]) -> None:
        """Start a list, whose parts `run` gets one after the other, for the reports."""
        self._list = Computed(0, len(lengths), 0, int(lengths.sum()), 0.0)
        self._started = self._reported = time.monotonic()

    def run(
        self, lengths: NDArray[np.int64], compute: Callable[[int, int], NDArray[np.float32]], *, shared: int = 0
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the results of `compute(start, stop)`, batch by batch.

        Args:
            lengths: Tokens of each text, in the order of the texts, longest first.
            compute: Returns the vectors or scores of texts `start` to `stop`.
            shared: Tokens that all texts begin with and that were computed once. They count towards the budget, as
                every text of a batch attends to them.

        Raises:
            torch.OutOfMemoryError: One text alone doesn't fit into memory.
        """
        start = 0
        self.padded += shared
        while start < len(lengths):
            stop = start + self._fitting(lengths[start:])
            computed = self._computed(lengths[start:stop])
            try:
                part = compute(start, stop)
            except RuntimeError as error:
                if stop - start == 1 or not out_of_memory(error):
                    raise
                self._back_off(computed)
                continue
            self.record(lengths[start:stop])
            self.padded += max(computed - shared * (stop - start), stop - start)
            start = stop
            yield part

    def record(self, lengths: NDArray[np.int64]) -> None:
        """Count texts of a list as computed, by their tokens."""
        texts, tokens = len(lengths), int(lengths.sum())
        self.texts += texts
        self.tokens += tokens
        now = time.monotonic()
        before = self._list
        self._list = before._replace(
            texts=before.texts + texts, tokens=before.tokens + tokens, seconds=now - self._started
        )
        if self.report is not None and now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self.report(self._list)

    def _fitting(self, lengths: NDArray[np.int64]) -> int:
        """Return how many of the texts fit into the budget, one at least."""
        if self._are_padded:
            return min(max(self.budget // max(int(lengths[0]), 1), 1), len(lengths))
        return max(int(lengths.cumsum().searchsorted(self.budget, side="right")), 1)

    def _computed(self, lengths: NDArray[np.int64]) -> int:
        """Return the tokens of a batch as it is computed."""
        if self._are_padded:
            return max(int(lengths[0]), 1) * len(lengths)
        return max(int(lengths.sum()), 1)

    def _back_off(self, failed: int) -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.budget = max(failed // 2, 1)
        logger.warning("out of memory: batches of %d tokens from here on", self.budget)


def release() -> None:
    """Release the GPU memory of models that are no longer used, for a training in another process."""
    end_unused()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


class Counted:
    """Counters of what a model has computed, for a score's provenance and the board's costs."""

    unit = "texts"
    """What is counted."""

    _batches: Batches

    def report_to(self, receive: Callable[[Computed], None] | None) -> None:
        """Call `receive` with the progress on each list of texts; None ends it."""
        self._batches.report = receive

    @property
    def encoded_texts(self) -> int:
        """Texts, or pairs, that were computed, without repeats and cached ones."""
        return self._batches.texts

    @property
    def encoded_tokens(self) -> int:
        """Tokens of those."""
        return self._batches.tokens

    @property
    def padded_tokens(self) -> int:
        """Tokens computed for them, padding included; fewer than their own where they share a beginning."""
        return self._batches.padded


def out_of_memory(error: RuntimeError) -> bool:
    """Return whether torch ran out of memory, on a GPU or on the processor."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in _CPU_MESSAGES)


def automatic_tokens(device: str, *, bytes_per_token: int) -> int:
    """Return a budget for a device: small on a processor; on a GPU what half of its free memory holds."""
    import torch

    if not device.startswith("cuda"):
        return CPU_TOKENS
    free, _ = torch.cuda.mem_get_info()
    return gpu_tokens(free, bytes_per_token=bytes_per_token)


def gpu_tokens(free: int, *, bytes_per_token: int) -> int:
    """Return how many tokens fit into half of the free bytes; at least 8,192, where the back-off takes over."""
    return min(max(int(free * _GPU_SHARE) // max(bytes_per_token, 1), GPU_TOKENS), _MOST_GPU_TOKENS)


def bytes_per_token(config: object, *, bytes_per_number: int) -> int:
    """Return an upper estimate of the bytes per token that a transformer layer needs in inference; 1 for other models.

    Four vectors of the model's width (residual, query, key and value), three of the feed-forward's, twice over.
    """
    width = getattr(config, "hidden_size", 0)
    inner = getattr(config, "intermediate_size", 4 * width)
    return max(2 * bytes_per_number * (4 * width + 3 * inner), 1)
