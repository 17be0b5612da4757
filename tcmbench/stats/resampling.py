"""Clusters drawn with replacement and signs flipped, block by block.

A resample is a row of counts: how often each cluster was drawn. Its mean is a product of counts and cluster sums, so a
block of resamples of all models is one matrix product, and the draws are shared by all models. Rows come from the
generator one after the other and sums are exact (`on_grid`), so the result doesn't depend, to the last bit, on the size
of the blocks, the number of threads, the BLAS library or the other models of the board.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.errors import EvaluationError
from tcmbench.stats.training_noise import NO_SIBLINGS, TrainingNoise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcmbench.stats.inputs import Clusters, FloatArray, IntArray

_DRAWN_AT_ONCE = 1 << 16
_TURNED = 32
"""Resamples that are transposed at once: twice the length of a cache line."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """Number of resamples, the stream of random numbers, and the noise of training."""

    n_resamples: int = 10_000
    """Resamples or random flips."""

    seed: int = 0
    """Seed of all draws."""

    stream: str = ""
    """Name of the stream. Tasks over the same items in the same order share one and are then resampled together; all
    others need their own, or their draws are not independent."""

    block_bytes: int = 32 << 20
    """Memory of one block of counts; doesn't affect the result."""

    noise: TrainingNoise = field(default=NO_SIBLINGS, compare=False, repr=False)
    """What the set's trainings on the task say about the noise of training."""

    def __post_init__(self) -> None:
        if self.n_resamples < 1 or self.block_bytes < 1:
            raise EvaluationError(
                f"n_resamples and block_bytes are at least 1, got {self.n_resamples} and {self.block_bytes}"
            )

    def on(self, stream: str) -> Resampling:
        """Return the same plan on another stream."""
        return replace(self, stream=stream)

    def generator(self, *names: str) -> np.random.Generator:
        """Return the generator of a name, independent of those of all other names."""
        digest = hashlib.sha256("\x00".join(names).encode()).digest()
        return np.random.default_rng([self.seed, *np.frombuffer(digest, dtype="<u4").tolist()])


def count_blocks(clusters: int, plan: Resampling) -> Iterator[FloatArray]:
    """Yield blocks (resamples × clusters) of how often each cluster is drawn; every row sums to `clusters`."""
    random = plan.generator("items", plan.stream)
    for size in _block_sizes(clusters, plan):
        counts = np.empty((size, clusters))
        for row, drawn in zip(counts, _draws(random, clusters, size), strict=True):
            row[:] = drawn
        yield counts


def count_columns(clusters: int, plan: Resampling) -> Iterator[FloatArray]:
    """Yield the same draws as clusters × resamples."""
    random = plan.generator("items", plan.stream)
    for size in _block_sizes(clusters, plan):
        counts = np.empty((clusters, size))
        draws = _draws(random, clusters, size)
        for start in range(0, size, _TURNED):
            columns = counts[:, start : start + _TURNED]
            rows = np.empty(columns.shape[::-1])
            for row in rows:
                row[:] = next(draws)
            columns[:] = rows.T
        yield counts


def sign_blocks(clusters: int, plan: Resampling) -> Iterator[FloatArray]:
    """Yield blocks (flips × clusters) of +1 and −1, each with probability one half."""
    random = plan.generator("signs", plan.stream)
    words = -(-clusters // 64)
    for size in _block_sizes(clusters, plan):
        drawn = random.integers(0, 2**64, size=(size, words), dtype=np.uint64)
        bits = np.unpackbits(drawn.view(np.uint8), axis=1, count=clusters)
        signs = bits.astype(np.float64)
        signs *= 2
        signs -= 1
        yield signs


def cluster_sums(values: FloatArray, clusters: Clusters) -> FloatArray:
    """Return clusters × columns: the sums of items × columns over each cluster, ready for exact products."""
    exact = on_grid(values, clusters)
    if clusters.are_single_items:
        return exact
    sums = np.zeros((clusters.number, values.shape[1]))
    np.add.at(sums, clusters.codes, exact)
    return sums


def on_grid(values: FloatArray, clusters: Clusters) -> FloatArray:
    """Return items × columns rounded to multiples of a power of two so that no sum over a resample is ever rounded.

    No resample's sum exceeds clusters × the largest cluster's absolute sum; the grid is that bound times 2⁻⁵², so all
    sums fit the 53 bits of a float64. For 5,000 queries in points the rounding is below 1e-10 points per query. Exact
    sums are the same in any order (threads, BLAS, blocks), and equal sums compare equal in the tests that count ties.
    """
    size = np.abs(values)
    if not clusters.are_single_items:
        totals = np.zeros((clusters.number, values.shape[1]))
        np.add.at(totals, clusters.codes, size)
        size = totals
    bound = np.maximum(size.max(axis=0) * clusters.number, np.finfo(np.float64).tiny * 2.0**60)
    step = np.exp2(np.ceil(np.log2(bound)) - 52)
    return np.asarray(np.round(values / step) * step, dtype=np.float64)


def _draws(random: np.random.Generator, clusters: int, size: int) -> Iterator[IntArray]:
    """Yield how often each cluster is drawn, one resample after another.

    The generator is asked for several at once, which gives the same numbers: a call costs as much as hundreds of them.
    """
    at_once = max(1, _DRAWN_AT_ONCE // clusters)
    for start in range(0, size, at_once):
        for drawn in random.integers(0, clusters, (min(at_once, size - start), clusters)):
            yield np.bincount(drawn, minlength=clusters)


def _block_sizes(columns: int, plan: Resampling) -> Iterator[int]:
    largest = max(1, plan.block_bytes // (8 * columns))
    for start in range(0, plan.n_resamples, largest):
        yield min(largest, plan.n_resamples - start)
