"""Weights in half precision: the same model, loaded in bfloat16 or float16."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tcmbench.cures import copy_model, one_input
from tcmbench.encoders._exported_options import ExportedOptions
from tcmbench.errors import SpecError
from tcmbench.models.revisions import dense_base, encoder_of
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.cures import CureWork
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
READS_DATA = False
LOADS_MODEL = False


class Options(PluginOptions):
    """The precision."""

    dtype: Literal["bfloat16", "float16"] = "bfloat16"
    """Precision in which weights are loaded and texts are encoded."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return the precision.

    Raises:
        SpecError: Several models, one that is in this precision already, a table of token vectors, or a network that
            another engine runs.
    """
    one_input(count, cure="weights")
    if base.architecture == "static":
        raise SpecError(
            "form weights: expected a model with layers, got a table of token vectors, which is always read in float32."
        )
    if isinstance(encoder_of(dense_base(base)).options, ExportedOptions):
        raise SpecError(
            "form weights: expected a model that torch runs, got one for another engine, whose precision is an option "
            "of its own form. Set it there, or name the model before that form in `of`."
        )
    if base.dtype == options.dtype:
        raise SpecError(f"form weights: expected a model in another precision, got one in {base.dtype} already.")
    return {"dtype": options.dtype}


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the model; its files stay in their precision, and are rounded when they are loaded."""
    del options
    (model,) = work.tuned
    copy_model(model, out)
    return {}
