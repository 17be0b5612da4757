"""Encoders that change the dense model's vectors of one role: documents by a table, queries by a linear map.

Only texts of retrieval and reranking tasks have a role. Those of all other tasks have the dense model's own vectors.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tcmbench.encoders.runtime.composed import Composed, role_of
from tcmbench.encoders.runtime.loaders import texts_of
from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mteb.models import ModelMeta
    from numpy.typing import NDArray

    from tcmbench.encoders.runtime.text_encoder import TextEncoder

    Vectors = NDArray[np.float32]

_DIGEST = 16


def text_digest(text: str) -> bytes:
    """Return the digest by which a document is recognised, without its prompt and the space around it."""
    return hashlib.blake2b(text.strip().encode(), digest_size=_DIGEST).digest()


class MovedDocuments(Composed):
    """A dense model some of whose documents have other vectors, wherever their text occurs as a document."""

    def __init__(
        self, dense: TextEncoder | Composed, *, table: tuple[Sequence[bytes], Vectors], meta: ModelMeta
    ) -> None:
        """Wrap a model.

        Args:
            dense: The dense model.
            table: Digests of texts, and a vector for each, (texts, dimensions).
            meta: Description of the whole.
        """
        super().__init__(dense, meta=meta)
        digests, self._vectors = table
        self._rows = {digest: row for row, digest in enumerate(digests)}

    def encode(self, inputs: Any, **arguments: Any) -> Vectors:
        """Return one vector per text; those of documents in the table are the table's."""
        vectors: Vectors = super().encode(inputs, **arguments)
        if role_of(arguments["task_metadata"], arguments.get("prompt_type")) != "document":
            return vectors
        found = [self._rows.get(text_digest(text), -1) for text in texts_of(inputs)]
        rows = np.array(found, dtype=np.int64)
        known = np.flatnonzero(rows >= 0)
        if not known.size:
            return vectors
        _require_width(vectors, self._vectors.shape[1], name=str(self.mteb_model_meta.name))
        changed = vectors.copy()
        changed[known] = self._vectors[rows[known]]
        return changed


class MappedQueries(Composed):
    """A dense model whose queries are multiplied by a matrix."""

    def __init__(self, dense: TextEncoder | Composed, *, matrix: NDArray[np.float64], meta: ModelMeta) -> None:
        """Wrap a model.

        Args:
            dense: The dense model.
            matrix: W of q′ = q W, (dimensions, dimensions).
            meta: Description of the whole.
        """
        super().__init__(dense, meta=meta)
        self._matrix = matrix

    def encode(self, inputs: Any, **arguments: Any) -> Vectors:
        """Return one vector per text; those of queries are mapped, not of unit length."""
        vectors: Vectors = super().encode(inputs, **arguments)
        if role_of(arguments["task_metadata"], arguments.get("prompt_type")) != "query":
            return vectors
        _require_width(vectors, len(self._matrix), name=str(self.mteb_model_meta.name))
        return (vectors.astype(np.float64) @ self._matrix).astype(np.float32)


def read_table(path: Path) -> tuple[list[bytes], Vectors]:
    """Return the digests and vectors of a table of documents.

    Raises:
        ModelAbsent: The file is missing or not such a table.
    """
    arrays = _arrays(path, cure="nudge")
    empty = np.zeros(0)
    digests, vectors = arrays.get("digests", empty), arrays.get("vectors", empty)
    if vectors.ndim != 2 or digests.shape != (len(vectors), _DIGEST) or digests.dtype != np.uint8:
        raise ModelAbsent(f"{path}: expected digests of 16 bytes and a vector for each. {_again('nudge')}")
    return [row.tobytes() for row in digests], vectors.astype(np.float32, copy=False)


def write_table(path: Path, *, digests: Sequence[bytes], vectors: Vectors) -> None:
    """Write a table of documents."""
    from safetensors.numpy import save_file

    rows = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(len(digests), _DIGEST)
    save_file({"digests": rows, "vectors": np.ascontiguousarray(vectors, dtype=np.float32)}, path)


def read_matrix(path: Path) -> NDArray[np.float64]:
    """Return the map of queries.

    Raises:
        ModelAbsent: The file is missing or has no square matrix.
    """
    matrix = _arrays(path, cure="query_adapter").get("matrix")
    if matrix is None or matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ModelAbsent(f"{path}: expected a square matrix. {_again('query_adapter')}")
    return matrix.astype(np.float64, copy=False)


def write_matrix(path: Path, matrix: NDArray[np.float64]) -> None:
    """Write a map of queries."""
    from safetensors.numpy import save_file

    save_file({"matrix": np.ascontiguousarray(matrix, dtype=np.float64)}, path)


def _arrays(path: Path, *, cure: str) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not path.is_file():
        raise ModelAbsent(f"{path}: there is no such file. {_again(cure)}")
    try:
        arrays: dict[str, NDArray[Any]] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelAbsent(f"{path}: expected safetensors, but: {error}. {_again(cure)}") from error
    return arrays


def _again(cure: str) -> str:
    return f'Make the model with the cure "{cure}", or copy its folder again.'


def _require_width(vectors: Vectors, expected: int, *, name: str) -> None:
    """Check that vectors fit those of the file.

    Raises:
        ModelAbsent: They belong to another model.
    """
    if vectors.shape[1] != expected:
        raise ModelAbsent(
            f"{name}: expected vectors of length {expected}, as in the folder, got {vectors.shape[1]}: it belongs "
            "to another model. Make the model again."
        )
