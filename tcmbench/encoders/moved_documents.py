"""A dense model some of whose documents have been moved: made by the cure `nudge`.

The table of moved vectors is in the folder of the model, by the text of the document. Texts that aren't in it, queries,
and the texts of tasks without queries have the dense model's vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.encoders import EMBEDS
from tcmbench.encoders._dense_part import TABLE_FILE, DenseOptions, dense_identity, load_dense
from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.models import ModelMeta

    from tcmbench.encoders.runtime.changed_vectors import MovedDocuments
    from tcmbench.specs.base import Base

REVISION = "1"
ABILITIES = {"embedding": EMBEDS - {"vectors"}}
WEIGHTS = "folder"

Options = DenseOptions
identity = dense_identity


def load(
    base: Base, *, options: DenseOptions, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> MovedDocuments:
    """Return the encoder around the dense one.

    Raises:
        ModelAbsent: The folder has no valid table of documents.
    """
    from tcmbench.encoders.runtime.changed_vectors import MovedDocuments, read_table

    if model_dir is None:
        raise ModelAbsent(f"base {base.name}: {__name__.rpartition('.')[2]} needs a folder of weights")
    dense = load_dense(base, options=options, model_dir=model_dir, meta=meta, seed=seed, device=device)
    return MovedDocuments(dense, table=read_table(model_dir / TABLE_FILE), meta=meta)
