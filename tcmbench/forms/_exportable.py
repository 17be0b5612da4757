"""Which models can be exported for another engine or distilled, and how they are then loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.cures import one_input
from tcmbench.errors import SpecError
from tcmbench.store import differences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.plugins import PluginOptions
    from tcmbench.records.model import Model
    from tcmbench.specs.base import Base

_PARTS = {"Transformer", "Pooling", "Normalize"}


def exported_settings(base: Base, *, count: int, options: PluginOptions, form: str) -> Mapping[str, Any]:
    """Return the encoder of a form, named like it, that runs the exported network.

    Raises:
        SpecError: Several models, or one that can't be exported.
    """
    require_transformer(base, count=count, form=form)
    if base.dtype != "float32":
        raise SpecError(
            f"form {form}: expected a model in float32, got one in {base.dtype}, whose rounding would remain. Name the "
            "model in float32 in `of`, and the precision in the form's options."
        )
    return {"encoder": form, "attention": None, "options": {**base.options, **differences(options)}}


def require_whole(opened: Any, model: Model, *, form: str) -> None:
    """Refuse a model of sentence-transformers that has parts which a form would leave out.

    Raises:
        SpecError: A module beside transformer, pooling and normalisation, or vectors that are cut.
    """
    others = sorted({type(module).__name__ for module in opened} - _PARTS)
    if opened.truncate_dim is not None:
        others.append(f"a cut to {opened.truncate_dim} dimensions")
    if others:
        raise SpecError(
            f"form {form}: {model.name}: expected transformer, pooling and normalisation, got also "
            f"{', '.join(others)}, which the form would leave out. Use form weights or vectors."
        )


def require_transformer(base: Base, *, count: int, form: str) -> None:
    """Refuse what isn't one embedding model with layers, run by sentence-transformers.

    Raises:
        SpecError: It isn't.
    """
    one_input(count, cure=form)
    if base.kind != "embedding" or base.encoder != "sentence_transformers":
        raise SpecError(
            f"form {form}: expected an embedding model that encoder sentence_transformers runs, got a model of kind "
            f"{base.kind} and encoder {base.encoder}. Name another in `of`; forms of its vectors come after this one."
        )
    if base.architecture == "static":
        raise SpecError(
            f"form {form}: expected a model with layers, got a table of token vectors, which is looked up and averaged "
            "without an engine. Use form vectors to store its vectors in fewer bytes."
        )
