"""A dense model whose documents are stored as codes of product quantisation: made by the form `vectors`.

The codes are learned on the documents that are searched. Tasks without documents have none to learn on, so such a model
can't do them: codes that are learned on the few texts which they then stand for would look better than they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.encoders import SEARCHES, stored_vectors
from tcmbench.encoders._dense_part import dense_identity

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.models import ModelMeta

    from tcmbench.encoders.runtime.stored_search import ShortVectors, StoredSearch
    from tcmbench.encoders.stored_vectors import Options as StoredOptions
    from tcmbench.specs.base import Base

REVISION = "1"
USES = (("encoders", "stored_vectors"),)
ABILITIES = {"embedding": SEARCHES}
WEIGHTS = "folder"
Options = stored_vectors.Options
identity = dense_identity


def load(
    base: Base, *, options: StoredOptions, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> ShortVectors | StoredSearch:
    """Return the model around the dense one.

    Raises:
        ModelAbsent: The base has no folder of weights.
    """
    return stored_vectors.wrapped(base, options=options, model_dir=model_dir, meta=meta, seed=seed, device=device)
