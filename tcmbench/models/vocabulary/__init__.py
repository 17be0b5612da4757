"""A model with a part of its vocabulary: the pieces of Chinese text, and the rows of their vectors.

The text of a language uses a small part of a multilingual vocabulary, whose table has most of a small model's weights.
Text that is split into pieces that are kept has the same vectors, to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import SpecError
from tcmbench.models.vocabulary import files, parity, samples, tokenizer_json
from tcmbench.store import key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.records.model import Model
    from tcmbench.store import Json, Store

KIND = "derived"
"""Kind of artefact in the store."""

_STAGE = "vocabulary 2"


def divided(store: Store, origin: Model, *, latin: int, revision: str, prompts: Mapping[str, str]) -> Path:
    """Return the folder of a model with the Chinese part of its vocabulary, built once.

    Args:
        store: The store.
        origin: The model with the whole vocabulary.
        latin: Number of Latin pieces that are kept, most frequent first.
        revision: Revision of the source that calls this.
        prompts: Field of a base → prompt in `origin` that isn't its own, but of the model that is made.

    Raises:
        SpecError: The vocabulary can't be divided.
        ParityError: The two models differ on Chinese text.
    """
    inputs: dict[str, Json] = {
        "revision": revision,
        "model": origin.revision,
        "vocabulary": "zh",
        "latin_pieces": latin,
    }
    name = key(_STAGE, {**inputs, **({"prompts": dict(prompts)} if prompts else {})})
    with store.lock(KIND, name):
        if not store.has(KIND, name):
            with store.build(KIND, name) as target:
                _build(origin, target, latin=latin)
    return store.path(KIND, name)


def division(origin: Model, *, latin: int) -> tokenizer_json.Division:
    """Return the tokenizer with the part of the vocabulary, without touching weights.

    Raises:
        SpecError: The vocabulary can't be divided.
    """
    folder = files.require_folder(origin)
    backend = files.backend(folder)
    always = files.ids_in_configurations(folder).union(*samples.ids(origin.base, folder))
    try:
        return tokenizer_json.divided(backend, latin=latin, always=always)
    except SpecError as error:
        raise SpecError(f"base {origin.name}: {error}") from error


def _build(origin: Model, target: Path, *, latin: int) -> None:
    files.write(files.require_folder(origin), target, division(origin, latin=latin))
    parity.require_same(origin, target)
