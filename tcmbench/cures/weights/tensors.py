"""The tensors of a model's folder, read and written in parts, so that no model is in memory as a whole.

safetensors' own functions map files into memory or write all tensors at once; for a model of 4 billion parameters, of
which a cure reads several, both take more than the machine that serves one of them has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench import strict_json
from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import torch

_LENGTH = 8
_FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""Precisions whose values can be combined."""

_INTEGERS = {"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool"}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in a safetensors file."""

    path: Path
    """The file."""

    dtype: str
    """Precision, as safetensors names it (`BF16`)."""

    shape: tuple[int, ...]
    """Shape."""

    start: int
    """Where its bytes begin in the file."""

    end: int
    """Where they end."""

    @property
    def is_float(self) -> bool:
        """Whether its values can be combined."""
        return self.dtype in _FLOATS

    @property
    def is_known(self) -> bool:
        """Whether its values can be read."""
        return self.dtype in {**_FLOATS, **_INTEGERS}

    @property
    def size(self) -> int:
        """Number of values."""
        size = 1
        for length in self.shape:
            size *= length
        return size

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Return the values of a range of the flattened tensor, in its own precision."""
        import torch

        dtype = getattr(torch, {**_FLOATS, **_INTEGERS}[self.dtype])
        if start == stop:
            return torch.empty(0, dtype=dtype)
        with self.path.open("rb") as file:
            file.seek(self.start + start * dtype.itemsize)
            content = bytearray(file.read((stop - start) * dtype.itemsize))
        return torch.frombuffer(content, dtype=dtype)


@dataclass(frozen=True, slots=True)
class TensorFile:
    """A safetensors file with its header as it is written in it."""

    path: Path
    """The file."""

    header: bytes
    """Everything before the values."""

    tensors: Mapping[str, StoredTensor]
    """Name → tensor, in the order of their values."""


@dataclass(frozen=True, slots=True)
class FoldedTable:
    """A static model's table in model2vec's form: integers, a factor per row, and a row for each token.

    sentence-transformers folds the three into one table when it loads them, and writes that table after a training. The
    values are those that it computes (`StaticEmbedding._fold_model2vec_weights`), in float32.
    """

    embeddings: StoredTensor
    """(rows, dimensions)."""

    factors: torch.Tensor | None
    """(tokens,): the factor of a token; None for 1."""

    rows: torch.Tensor | None
    """(tokens,): the row of a token; None where each token has its own."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape."""
        tokens = self.embeddings.shape[0] if self.rows is None else len(self.rows)
        return (tokens, self.embeddings.shape[1])

    @property
    def is_float(self) -> bool:
        """Whether its values can be combined."""
        return True

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Return the values of a range of the flattened table, in float32."""
        import torch

        width = self.shape[1]
        first, last = start // width, -(-stop // width)
        if self.rows is None:
            table = self.embeddings.read(first * width, last * width)
        else:
            chosen = [int(row) * width for row in self.rows[first:last]]
            table = torch.cat([self.embeddings.read(row, row + width) for row in chosen])
        values = table.to(torch.float32).reshape(-1, width)
        if self.factors is not None:
            values = (values * self.factors[first:last, None]).to(torch.float32)
        return values.reshape(-1)[start - first * width : stop - first * width]


Readable = StoredTensor | FoldedTable
"""A tensor that is read in parts."""


def read_header(path: Path) -> TensorFile:
    """Return a file's tensors without their values; `models.model_files` has checked the file."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        text = file.read(length)
    entries = strict_json.loads(text)
    entries.pop("__metadata__", None)
    begin = _LENGTH + length
    tensors = {
        name: StoredTensor(
            path,
            entry["dtype"],
            tuple(entry["shape"]),
            begin + entry["data_offsets"][0],
            begin + entry["data_offsets"][1],
        )
        for name, entry in sorted(entries.items(), key=lambda item: tuple(item[1]["data_offsets"]))
    }
    return TensorFile(path, length.to_bytes(_LENGTH, "little") + text, tensors)


def files_of(folder: Path) -> dict[str, TensorFile]:
    """Return all safetensors files of a model by their path in it."""
    return {
        path.relative_to(folder).as_posix(): read_header(path)
        for path in sorted(folder.rglob("*.safetensors"))
        if path.is_file()
    }


def tensors_of(folder: Path) -> dict[str, StoredTensor]:
    """Return all tensors of a model as `folder/name`; how they are distributed over files makes no difference.

    Raises:
        SpecError: Two files have a tensor of one name, of which the network is loaded from one.
    """
    found: dict[str, StoredTensor] = {}
    for file, each in files_of(folder).items():
        for name, tensor in each.tensors.items():
            whole = qualified(file, name)
            if whole in found:
                raise SpecError(
                    f"{folder}: expected tensor {name} in one file, got it in {found[whole].path.name} and in {file}. "
                    "Remove the file that the network isn't loaded from."
                )
            found[whole] = tensor
    return found


def folded(tensors: Mapping[str, StoredTensor]) -> dict[str, Readable]:
    """Return the tensors of a model, with a table in model2vec's form under the name that it has after a training."""
    found: dict[str, Readable] = {**tensors}
    for name in [name for name in tensors if name.rpartition("/")[2] == "embeddings"]:
        prefix = name.removesuffix("embeddings")
        whole = {part: tensors.get(prefix + part) for part in ("weights", "mapping")}
        factors, rows = (None if each is None else each.read(0, each.size) for each in whole.values())
        found[f"{prefix}embedding.weight"] = FoldedTable(tensors[name], factors, rows)
    return found


def qualified(file: str, name: str) -> str:
    """Return the name of a tensor with the folder of its file, as modules of one model may use equal names."""
    folder = file.rpartition("/")[0]
    return f"{folder}/{name}" if folder else name


def parts(size: int, length: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of a flattened tensor that are processed together; one empty range of an empty tensor."""
    for start in range(0, size, length) if size else (0,):
        yield start, min(start + length, size)
