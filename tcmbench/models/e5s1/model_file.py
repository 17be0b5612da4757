"""The contents of a file in the format E5S1: sizes, tokenizer, and a directory of tensors in float32 or 4 bits."""

from __future__ import annotations

import itertools
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_MAGIC = b"E5S1"
_VERSION = 1
_BLOCK = 32
"""Weights of a row that share a scale."""

_BLOCK_BYTES = 18
"""A half-precision scale, and two weights per byte."""

_FLOAT32, _FOUR_BITS = 0, 1
_ZERO = 8
"""Stored value of a weight of zero."""


class Sizes(NamedTuple):
    """Sizes of the network."""

    hidden: int
    """Dimensions of a state."""

    layers: int
    """Number of layers."""

    heads: int
    """Heads of attention per layer."""

    inner: int
    """Dimensions between the matrices of a feed-forward network."""

    vocabulary: int
    """Rows of the table of token vectors; some at its end have no piece."""

    positions: int
    """Longest input in tokens."""

    types: int
    """Types of segments."""


class Special(NamedTuple):
    """Ids of special pieces, in the order of the file."""

    begin: int
    """Begin of a text."""

    end: int
    """End of a text."""

    padding: int
    """Padding."""

    unknown: int
    """A character without a piece."""


class _Tensor(NamedTuple):
    kind: int
    weights: int
    offset: int
    length: int


class _Cursor:
    """Reads values one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def values(self, layout: str) -> tuple[int, ...]:
        """Return values in a layout of `struct`."""
        values = struct.unpack_from(f"<{layout}", self.data, self.place)
        self.place += struct.calcsize(f"<{layout}")
        return values

    def array(self, kind: str, count: int) -> NDArray[np.generic]:
        """Return an array of one kind of number."""
        values = np.frombuffer(self.data, kind, count, self.place)
        self.place += values.nbytes
        return values

    def bytes(self, count: int) -> bytes:
        """Return bytes; fewer are an error.

        Raises:
            ValueError: The file ends before.
        """
        part = self.data[self.place : self.place + count]
        if len(part) != count:
            raise ValueError(f"expected {count} bytes at {self.place}, got {len(part)}")
        self.place += count
        return part


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that was read; tensors are unpacked one by one."""

    sizes: Sizes
    """Sizes of the network."""

    special: Special
    """Ids of special pieces."""

    pieces: tuple[str, ...]
    """Pieces by id."""

    scores: NDArray[np.float32]
    """Log probability of each piece, (pieces,)."""

    rules: Mapping[str, str]
    """Character → its normalised form, where that differs."""

    _tensors: Mapping[str, _Tensor]
    _data: bytes

    @classmethod
    def read(cls, path: Path) -> ModelFile:
        """Return the contents of a file.

        Raises:
            ValueError, KeyError, struct.error: It isn't in this format.
        """
        cursor = _Cursor(path.read_bytes())
        sizes = _sizes(cursor)
        count, *special = cursor.values("5i")
        (length,) = cursor.values("Q")
        offsets = cursor.array("<u4", count + 1).tolist()
        scores = cursor.array("<f4", count).astype(np.float32)
        texts = cursor.bytes(length)
        pieces = tuple(texts[start:stop].decode() for start, stop in itertools.pairwise(offsets))
        rules = _rules(cursor)
        return cls(sizes, Special(*special), pieces, scores, rules, _directory(cursor), cursor.data)

    def tensor(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return a tensor in float32, which has all values of the file exactly.

        Raises:
            KeyError: There is none of this name. ValueError: It has another shape.
        """
        entry = self._tensors[name]
        if entry.weights != math.prod(shape):
            raise ValueError(f"tensor {name}: expected {math.prod(shape)} weights, got {entry.weights}")
        raw = np.frombuffer(self._data, np.uint8, entry.length, entry.offset)
        if entry.kind == _FLOAT32:
            return raw.view("<f4").reshape(shape)
        if entry.kind != _FOUR_BITS:
            raise ValueError(f"tensor {name}: expected kind 0 or 1, got {entry.kind}")
        return _unpacked(raw.reshape(-1, _BLOCK_BYTES)).reshape(shape)

    def is_packed(self, name: str) -> bool:
        """Return whether a tensor has 4 bits per weight."""
        return self._tensors[name].kind == _FOUR_BITS


def _sizes(cursor: _Cursor) -> Sizes:
    if cursor.bytes(len(_MAGIC)) != _MAGIC:
        raise ValueError(f"it doesn't begin with {_MAGIC.decode()}")
    version, *sizes, _, block = cursor.values("I7ifi")
    if (version, block) != (_VERSION, _BLOCK):
        raise ValueError(f"expected version {_VERSION} with blocks of {_BLOCK}, got {version} with {block}")
    return Sizes(*sizes)


def _rules(cursor: _Cursor) -> dict[str, str]:
    count, _ = cursor.values("iI")
    rules = {}
    for _ in range(count):
        code, length = cursor.values("IB")
        rules[chr(code)] = "".join(map(chr, cursor.values(f"{length}I")))
    return rules


def _directory(cursor: _Cursor) -> dict[str, _Tensor]:
    (count,) = cursor.values("i")
    tensors = {}
    for _ in range(count):
        (length,) = cursor.values("H")
        name = cursor.bytes(length).decode()
        tensors[name] = _Tensor(*cursor.values("BIQQ"))
    return tensors


def _unpacked(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the weights of blocks, (blocks, 32): byte j has weight j in its lower half, j + 16 in its upper."""
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    packed = blocks[:, 2:]
    values = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - _ZERO
    return np.asarray(values * scales, dtype=np.float32)
