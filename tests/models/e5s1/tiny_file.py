"""A file in the format E5S1 with a network of one layer and a handful of pieces."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HIDDEN, INNER, HEADS, POSITIONS, TYPES = 32, 64, 2, 40, 2
LETTERS = "咳嗽三日痰黄口干舌红少苔夜间盗汗query:passage，。0123456789abcdefghijklmnopqrstuvwxyz"
PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁", "▁咳嗽", "咳嗽", *dict.fromkeys(LETTERS), "<mask>")
ROWS = len(PIECES) + 3
"""The table of the original has rows without a piece, too."""

RULES = {"\u200d": " ", "：": ":", "Ａ": "A"}


def packed(values: NDArray[np.int8], scales: NDArray[np.float16]) -> bytes:
    """Return blocks of 32 values from -8 to 7 with a scale each: byte j has values j and j + 16."""
    stored = (values.reshape(-1, 32) + 8).astype(np.uint8)
    return b"".join(
        scale.tobytes() + (block[:16] | block[16:] << 4).tobytes() for scale, block in zip(scales, stored, strict=True)
    )


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor by its name in the file."""
    square, vector = (HIDDEN, HIDDEN), (HIDDEN,)
    matrices = dict.fromkeys(("q", "k", "v", "ao"), square) | {"fi": (INNER, HIDDEN), "fo": (HIDDEN, INNER)}
    layer = {f"l0.{name}.w": shape for name, shape in matrices.items()}
    layer |= {f"l0.{name}.b": shape[:1] for name, shape in matrices.items()}
    layer |= {f"l0.{name}.{part}": vector for name in ("aln", "oln") for part in "wb"}
    tables = {"emb.word": (ROWS, HIDDEN), "emb.pos": (POSITIONS, HIDDEN), "emb.type": (TYPES, HIDDEN)}
    return {**tables, "emb.ln.w": vector, "emb.ln.b": vector, **layer}


def write(path: Path) -> dict[str, NDArray[np.float32]]:
    """Write the file and return its tensors by their name."""
    random = np.random.default_rng(0)
    tensors, blobs, directory = {}, [], []
    for name, shape in shapes().items():
        is_packed = name == "emb.word" or (name.endswith(".w") and "ln" not in name)
        if is_packed:
            values = random.integers(-8, 8, size=shape, dtype=np.int8)
            scales = random.uniform(0.01, 0.2, size=values.size // 32).astype(np.float16)
            tensors[name] = (values.reshape(-1, 32) * scales[:, None].astype(np.float32)).reshape(shape)
            blobs.append(packed(values, scales))
        else:
            tensors[name] = random.normal(size=shape).astype(np.float32)
            blobs.append(tensors[name].tobytes())
        directory.append((name, int(is_packed), tensors[name].size))
    path.write_bytes(_file(directory, blobs))
    return tensors


def _file(directory: list[tuple[str, int, int]], blobs: list[bytes]) -> bytes:
    texts = [piece.encode() for piece in PIECES]
    scores = [0.0] * 4 + [-float(place) for place in range(1, len(texts) - 4)] + [0.0]
    rules = b"".join(struct.pack(f"<IB{len(to)}I", ord(start), len(to), *map(ord, to)) for start, to in RULES.items())
    header = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, 1, HEADS, INNER, ROWS, POSITIONS, TYPES, 1e-12, 32)
    header += struct.pack("<5iQ", len(texts), 0, 2, 1, 3, sum(map(len, texts)))
    header += np.cumsum([0, *map(len, texts)]).astype("<u4").tobytes() + np.array(scores, "<f4").tobytes()
    header += b"".join(texts) + struct.pack("<iI", len(RULES), len(rules)) + rules + struct.pack("<i", len(directory))
    offset = len(header) + sum(23 + len(name) for name, *_ in directory)
    for (name, kind, count), blob in zip(directory, blobs, strict=True):
        header += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, count, offset, len(blob))
        offset += len(blob)
    return header + b"".join(blobs)
