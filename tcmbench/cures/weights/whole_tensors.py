"""What a combination has to know of a whole tensor before it combines its parts."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.cures.weights.combine import PART, read_parts
from tcmbench.cures.weights.tensors import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from tcmbench.cures.weights.combine import TensorPart
    from tcmbench.cures.weights.pairing import PairedTensor


class Angle(NamedTuple):
    """The angle between a tensor of the base and that of the first tuned model, both as vectors."""

    cosine: float
    """Its cosine; 1 where one of them is zero."""

    lengths: tuple[float, float]
    """Norms of both."""


def angle(tensor: PairedTensor) -> Angle:
    """Return the angle between the tensors of the base and of the first tuned model, summed in float64."""
    import torch

    product = of_base = of_tuned = 0.0
    for part in _whole(tensor):
        base, tuned = part.base.to(torch.float64), part.tuned[0].to(torch.float64)
        product += float(base @ tuned)
        of_base += float(base @ base)
        of_tuned += float(tuned @ tuned)
    lengths = (math.sqrt(of_base), math.sqrt(of_tuned))
    if not all(lengths):
        return Angle(1.0, lengths)
    return Angle(max(-1.0, min(1.0, product / (lengths[0] * lengths[1]))), lengths)


def thresholds(tensor: PairedTensor, density: float) -> tuple[float, ...]:
    """Return for each tuned model the magnitude of the smallest change that is among its largest.

    The changes of one tensor of one model are in memory at once.

    Args:
        tensor: The tensor.
        density: Share of its values that are kept; at least one.
    """
    import torch

    size = tensor.target.size
    kept = max(1, round(density * size))
    if kept >= size:
        return (0.0,) * len(tensor.tuned)
    found = []
    for place in range(len(tensor.tuned)):
        changes = torch.cat([(part.tuned[place] - part.base).abs() for part in _whole(tensor)])
        found.append(float(torch.kthvalue(changes, size - kept + 1).values))
    return tuple(found)


def generators(tensor: PairedTensor, seed: int) -> tuple[np.random.Generator, ...]:
    """Return a generator for each tuned model, which depends on the seed and the tensor's name alone."""
    import numpy as np

    name = int.from_bytes(hashlib.sha256(tensor.name.encode()).digest()[:8], "little")
    return tuple(np.random.default_rng([seed, name, place]) for place in range(len(tensor.tuned)))


def _whole(tensor: PairedTensor) -> Iterator[TensorPart]:
    for start, stop in parts(tensor.target.size, PART):
        yield read_parts(tensor, start, stop)
