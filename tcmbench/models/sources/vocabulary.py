"""Weights of another base with a part of its vocabulary (`derive` in a base's file), built into the store once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from tcmbench.errors import ModelAbsent
from tcmbench.models import vocabulary
from tcmbench.models.sources._circles import require_end
from tcmbench.plugins import PluginOptions
from tcmbench.specs.base import Derivation

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.models.sources import Search
    from tcmbench.specs.base import Base

REVISION = "1"

_PROMPTS = ("query_prompt", "document_prompt", "symmetric_prompt", "instruction")


class Options(PluginOptions):
    """As in the field `derive` of a base."""

    base: str
    """The other base."""

    vocabulary: str = "zh"
    """Part of its vocabulary that is kept."""

    latin_pieces: int = Field(default=Derivation.model_fields["latin_pieces"].default, ge=0)
    """Number of Latin pieces that are kept."""


def find(base: Base, *, options: Options, search: Search) -> str:
    """Return the other base, and where its weights come from."""
    require_end(search.workspace, base)
    origin = search.origin(options.base)
    return f"{options.base}" + (f" ({origin})" if origin else "") + f", vocabulary {options.vocabulary}"


def fetch(base: Base, *, options: Options, search: Search) -> Path:
    """Return the folder of the model with the part of the vocabulary.

    Raises:
        ModelAbsent: The other base is absent. SpecError: Its vocabulary can't be divided.
        ParityError: The models differ on Chinese text.
    """
    require_end(search.workspace, base)
    origin = search.model(options.base)
    if origin.model_dir is None:
        raise ModelAbsent(f"base {base.name}: derive: {options.base} has no weights. Name another base.")
    store, own = search.workspace.store, _own_prompts(base, origin.base)
    if own:
        origin = replace(origin, base=origin.base.model_copy(update=own))
    return vocabulary.divided(store, origin, latin=options.latin_pieces, revision=REVISION, prompts=own)


def _own_prompts(base: Base, other: Base) -> dict[str, str]:
    """Return the prompts that a base has and the other hasn't, whose pieces are kept, too."""
    prompts = {field: getattr(base, field) for field in _PROMPTS}
    return {field: prompt for field, prompt in prompts.items() if prompt and prompt != getattr(other, field)}


def remedy(base: Base, *, options: Options) -> str:
    """Return an empty text: what is missing is the other base, which has a remedy of its own."""
    del base, options
    return ""
