"""The dense model within a model of `fusion`, `moved_documents` or `query_adapter`: run by another encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from tcmbench import plugins
from tcmbench.errors import SpecError, TcmbenchError
from tcmbench.plugins import PluginOptions
from tcmbench.store import differences

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.models import ModelMeta

    from tcmbench.encoders.runtime.composed import Composed
    from tcmbench.encoders.runtime.text_encoder import TextEncoder
    from tcmbench.plugins import Plugin
    from tcmbench.specs.base import Base
    from tcmbench.store import Json


WEIGHT_FILE = "fusion.json"
TABLE_FILE = "moved_documents.safetensors"
MATRIX_FILE = "query_adapter.safetensors"

ADDED_FILES = frozenset({WEIGHT_FILE, TABLE_FILE, MATRIX_FILE})
"""Files that these encoders read beside the dense model's; no other loader does."""


class DenseOptions(PluginOptions):
    """How the dense model is run."""

    dense: str = "sentence_transformers"
    """Encoder of the dense model, whose weights are in the folder of the base: sentence_transformers, vllm, or one
    that changes its vectors, such as query_adapter."""

    dense_options: dict[str, Any] = Field(default_factory=dict)
    """Options of that encoder."""

    @model_validator(mode="after")
    def _dense_model_has_vectors(self) -> Self:
        try:
            dense_plugin(self)
        except TcmbenchError as error:
            raise ValueError(str(error)) from error
        return self


def dense_plugin(options: DenseOptions) -> Plugin:
    """Return the encoder of the dense model.

    Raises:
        UnknownName: No such encoder.
        SpecError: It has no vectors that it can be searched by, its model isn't a folder, or an option is unknown.
    """
    module = plugins.load("encoders", options.dense, where="dense")
    has_texts = "texts" in module.ABILITIES.get("embedding", ())
    if not has_texts or module.WEIGHTS != "folder" or options.dense == "fusion":
        raise SpecError(
            f"dense = {options.dense!r}: expected an encoder of embedding models in a folder, whose documents "
            "are ranked by their vectors, such as sentence_transformers."
        )
    return plugins.use("encoders", options.dense, options.dense_options, where="dense_options")


def dense_identity(options: PluginOptions) -> dict[str, Json]:
    """Return the options that differ from their defaults, with the identity of the dense model's encoder in full."""
    if not isinstance(options, DenseOptions):
        raise TypeError(f"expected {DenseOptions}, got {type(options)}")
    own = differences(options, exclude={"dense", "dense_options"})
    return {**own, "dense": dense_plugin(options).identity()}


def load_dense(
    base: Base, *, options: DenseOptions, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> TextEncoder | Composed:
    """Return the dense model, run by its encoder."""
    plugin = dense_plugin(options)
    inner = base.model_copy(update={"encoder": plugin.name, "options": options.dense_options})
    model: TextEncoder | Composed = plugin.module.load(
        inner, options=plugin.options, model_dir=model_dir, meta=meta, seed=seed, device=device
    )
    return model
