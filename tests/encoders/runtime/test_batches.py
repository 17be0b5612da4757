"""Batches fill a budget, shrink where memory runs out, and never drop a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tcmbench.encoders.runtime import batches as _batches
from tcmbench.encoders.runtime.batches import Batches

if TYPE_CHECKING:
    from numpy.typing import NDArray


def numbers(start: int, stop: int) -> NDArray[np.float32]:
    """Return the places of the texts."""
    return np.arange(start, stop, dtype=np.float32)


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 100), st.integers(1, 300), st.booleans())
def test_every_text_is_computed_once_whatever_fits(
    lengths: list[int], budget: int, memory: int, are_padded: bool
) -> None:
    """However often memory runs out, all texts come, in order; a batch that fits is never above the budget."""
    ordered = np.array(sorted(lengths, reverse=True), dtype=np.int64)
    batches = Batches(budget, are_padded=are_padded)

    def size(start: int, stop: int) -> int:
        return int((stop - start) * max(ordered[start], 1) if are_padded else ordered[start:stop].sum())

    def compute(start: int, stop: int) -> NDArray[np.float32]:
        if stop - start > 1 and size(start, stop) > memory:
            raise torch.OutOfMemoryError("CUDA out of memory")
        assert stop - start == 1 or size(start, stop) <= batches.budget
        return numbers(start, stop)

    parts = list(batches.run(ordered, compute))
    assert [n for part in parts for n in part.tolist()] == list(range(len(ordered)))
    assert (batches.texts, batches.tokens) == (len(ordered), int(ordered.sum()))
    assert batches.padded >= batches.tokens


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_one_text_too_large_is_an_error(error: RuntimeError) -> None:
    """Where a single text doesn't fit, nothing smaller is left to try."""

    def compute(start: int, stop: int) -> NDArray[np.float32]:
        raise error

    with pytest.raises(RuntimeError, match="memory"):
        list(Batches(10).run(np.array([5], dtype=np.int64), compute))


def test_other_errors_are_no_lack_of_memory() -> None:
    """A bug in a model is not tried again in smaller batches."""
    calls = []

    def compute(start: int, stop: int) -> NDArray[np.float32]:
        calls.append((start, stop))
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        list(Batches(10).run(np.array([2, 2], dtype=np.int64), compute))
    assert calls == [(0, 2)]


def test_the_device_sets_the_budget() -> None:
    """A processor gets small batches, a GPU what half of its free memory holds, within bounds."""
    assert _batches.automatic_tokens("cpu", bytes_per_token=1) == _batches.CPU_TOKENS
    per_token = _batches.bytes_per_token(torch.nn.Module(), bytes_per_number=2)
    assert per_token == 1
    assert [_batches.gpu_tokens(free, bytes_per_token=1 << 16) for free in (0, 2 << 30, 80 << 30)] == [
        8192,
        16_384,
        65_536,
    ]
