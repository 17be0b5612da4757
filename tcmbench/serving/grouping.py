"""Groups of texts of similar length, each computed in a call of its own where that costs less than the padding.

Evaluation sorts thousands of texts, so hardly anything is padded. The texts of a few requests differ: eight of 6 to 60
tokens are padded by about half. A call costs as much as some number of tokens, which is measured when the model is
loaded: few on a processor, thousands on a GPU, where nothing is split.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_REPEATS = 3
_SHORT, _LONG = 2, 200


def groups(lengths: NDArray[np.int64], *, call_tokens: float) -> list[slice]:
    """Return the slices that are computed together.

    A group is split where that saves the most padding, as long as it saves more than a call costs.

    Args:
        lengths: Tokens of each text, longest first.
        call_tokens: Tokens that cost as much as a call.
    """
    found: list[slice] = []
    waiting = [slice(0, len(lengths))]
    while waiting:
        part = waiting.pop()
        own = lengths[part]
        saved = (own[0] - own) * (len(own) - np.arange(len(own)))
        place = int(np.argmax(saved))
        if saved[place] <= call_tokens:
            found.append(part)
        else:
            waiting += [slice(part.start + place, part.stop), slice(part.start, part.start + place)]
    return found


def measured_call(compute: Callable[[str], int]) -> float:
    """Return how many tokens cost as much as a call, from the times of a short and of a long text.

    Args:
        compute: Computes a text and returns its tokens.
    """
    short, long = "虚" * _SHORT, "虚" * _LONG
    fewer, more = compute(short), compute(long)
    first, second = (min(_timed(compute, text) for _ in range(_REPEATS)) for text in (short, long))
    if more <= fewer or second <= first:
        return math.inf
    return max(first * (more - fewer) / (second - first) - fewer, 0.0)


def _timed(compute: Callable[[str], int], text: str) -> float:
    began = time.perf_counter()
    compute(text)
    return time.perf_counter() - began
