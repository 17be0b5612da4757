"""A dense model whose queries are mapped linearly: made by the cure `query_adapter`.

The matrix is in the folder of the model. Documents, and the texts of tasks without queries, have the dense model's
vectors, so an index of documents stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.encoders import EMBEDS
from tcmbench.encoders._dense_part import MATRIX_FILE, DenseOptions, dense_identity, load_dense
from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.models import ModelMeta

    from tcmbench.encoders.runtime.changed_vectors import MappedQueries
    from tcmbench.specs.base import Base

REVISION = "1"
ABILITIES = {"embedding": EMBEDS - {"vectors"}}
WEIGHTS = "folder"

Options = DenseOptions
identity = dense_identity


def load(
    base: Base, *, options: DenseOptions, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> MappedQueries:
    """Return the encoder around the dense one.

    Raises:
        ModelAbsent: The folder has no valid matrix.
    """
    from tcmbench.encoders.runtime.changed_vectors import MappedQueries, read_matrix

    if model_dir is None:
        raise ModelAbsent(f"base {base.name}: {__name__.rpartition('.')[2]} needs a folder of weights")
    dense = load_dense(base, options=options, model_dir=model_dir, meta=meta, seed=seed, device=device)
    return MappedQueries(dense, matrix=read_matrix(model_dir / MATRIX_FILE), meta=meta)
