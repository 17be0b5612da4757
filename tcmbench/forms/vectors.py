"""Vectors stored in fewer bytes or searched approximately; the encoder, and its cached vectors, stay as they are.

Truncated dimensions, half precision, int8, signs with and without rescoring, product quantisation, inverted lists and
graphs, also combined. `docs/forms.md` says what each is compared by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.cures import copy_model, one_input
from tcmbench.cures.vectors.training_data import require_unused, wrapping
from tcmbench.encoders._storage_options import StorageOptions
from tcmbench.store import differences

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.cures import CureWork
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
READS_DATA = False
LOADS_MODEL = False

Options = StorageOptions
_ENCODERS = ("product_codes", "stored_vectors")


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return the encoder that stores and searches vectors so.

    Raises:
        SpecError: Several models, one that isn't a dense model, or one whose vectors are stored in a form already.
    """
    one_input(count, cure="vectors")
    for own in _ENCODERS:
        require_unused(base.encoder, base.options, own=own, cure="vectors", kind="form")
    encoder = "product_codes" if options.precision == "pq" else "stored_vectors"
    return {"encoder": encoder, "options": {**wrapping(base.encoder, base.options), **differences(options)}}


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the model; ranges, codes and lists are learned on the documents of each index when it is built."""
    del options
    (model,) = work.tuned
    copy_model(model, out)
    return {}
