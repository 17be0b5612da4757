"""A dense model whose vectors are stored in fewer bytes or searched approximately: made by the form `vectors`.

Documents are searched by the arithmetic of the form. Texts of tasks without queries have the vectors that storing
leaves of them; ranges are learned on the texts that are encoded together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.encoders import EMBEDS
from tcmbench.encoders._dense_part import DenseOptions, dense_identity, load_dense
from tcmbench.encoders._storage_options import StorageOptions
from tcmbench.errors import ModelAbsent, SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.models import ModelMeta

    from tcmbench.encoders.runtime.stored_search import ShortVectors, StoredSearch
    from tcmbench.specs.base import Base

REVISION = "1"
ABILITIES = {"embedding": EMBEDS - {"vectors"}}
WEIGHTS = "folder"
identity = dense_identity


class Options(DenseOptions, StorageOptions):
    """How vectors are stored and searched, and how the dense model is run."""


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> ShortVectors | StoredSearch:
    """Return the model around the dense one.

    Raises:
        ModelAbsent: The base has no folder of weights.
        SpecError: Product quantisation, which another encoder does.
    """
    if options.precision == "pq":
        raise SpecError(f'base {base.name}: precision = "pq" is done by encoder product_codes. Name that one.')
    return wrapped(base, options=options, model_dir=model_dir, meta=meta, seed=seed, device=device)


def wrapped(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> ShortVectors | StoredSearch:
    """Return the model of any precision around the dense one.

    Raises:
        ModelAbsent: The base has no folder of weights.
    """
    from tcmbench.encoders.runtime.stored_search import ShortVectors, StoredSearch

    if model_dir is None:
        raise ModelAbsent(f"base {base.name}: {__name__.rpartition('.')[2]} needs a folder of weights")
    dense = load_dense(base, options=options, model_dir=model_dir, meta=meta, seed=seed, device=device)
    if options.storage.is_searched_exactly:
        return ShortVectors(dense, dimensions=options.dimensions, meta=meta)
    return StoredSearch(dense, storage=options.storage, meta=meta)
